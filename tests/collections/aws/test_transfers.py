"""Transfers that are disturbed, and what they need of memory."""

from __future__ import annotations

import io
import itertools
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from servers.blocks import bucket_at
from servers.breaking import Plan, breaking_server
from servers.s3 import S3Server
from strongroom_aws import AwsClientParameters, S3Bucket, transfers
from strongroom_aws.errors import AccessDenied, ServiceBusy, ServiceProblem, TransferInterrupted
from strongroom_blocks.stores.crew import Crew, each

SMALL, LARGE = 100_000, 20 * transfers.MIB


@pytest.mark.parametrize("size", [SMALL, LARGE])
def test_a_server_that_dies_in_the_middle_leaves_no_file(tmp_path: Path, size: int) -> None:
    kept = tmp_path / "kept.bin"
    kept.write_bytes(b"what was there before")
    with breaking_server(Plan(b"x" * size, failures=10_000)) as url:
        bucket = bucket_at(url)
        for target in (tmp_path / "new" / "file.bin", kept):
            with pytest.raises(TransferInterrupted, match="object 'a/b' in bucket 'bucket' broke off"):
                bucket.download_object_to_path("a/b", target)
        with pytest.raises(TransferInterrupted):
            bucket.download_object_to_file_object("a/b", io.BytesIO())
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == [kept]
    assert kept.read_bytes() == b"what was there before"


def test_reading_into_memory_never_returns_half_an_object() -> None:
    with breaking_server(Plan(b"x" * SMALL, failures=10_000)) as url, pytest.raises(TransferInterrupted):
        bucket_at(url).read_path("a")


@pytest.mark.parametrize("size", [SMALL, LARGE])
def test_a_download_goes_on_when_the_server_comes_back(tmp_path: Path, size: int) -> None:
    plan = Plan(os.urandom(size), failures=3)
    with breaking_server(plan) as url:
        bucket = bucket_at(url)
        assert bucket.download_object_to_path("a", tmp_path / "a").read_bytes() == plan.content
        plan.failures = 3
        assert bucket.read_path("a") == plan.content
    assert [p.name for p in tmp_path.iterdir() if p.is_file()] == ["a"]


def test_what_is_fetched_again_is_not_counted_twice(tmp_path: Path) -> None:
    plan, told = Plan(os.urandom(LARGE), failures=3), []
    with breaking_server(plan) as url:
        bucket_at(url).download_object_to_path("a", tmp_path / "a", Callback=told.append)
    assert sum(told) == LARGE
    assert min(told) < 0


def test_a_server_that_knows_no_ranges_is_not_believed(tmp_path: Path) -> None:
    plan = Plan(os.urandom(LARGE), failures=0, ranges=False)
    with breaking_server(plan) as url, pytest.raises(TransferInterrupted, match="object 'a' in bucket 'bucket'"):
        bucket_at(url).download_object_to_path("a", tmp_path / "a")
    assert list(tmp_path.iterdir()) == []


def test_an_upload_to_a_server_that_hangs_up_fails_by_name(tmp_path: Path) -> None:
    source = tmp_path / "source.bin"
    source.write_bytes(b"x" * SMALL)
    with breaking_server(Plan(b"", failures=10_000)) as url:
        bucket = bucket_at(url)
        for upload in (
            lambda: bucket.upload_from_path(source, "a"),
            lambda: bucket.write_path("a", b"x" * SMALL),
            lambda: bucket.upload_from_folder(tmp_path, "folder"),
        ):
            with pytest.raises(ServiceProblem, match="bucket 'bucket'"):
                upload()


def test_a_disk_that_is_full_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(io.FileIO):
        def write(self, _data: object) -> int:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr("strongroom_blocks.stores.files._opened", lambda partial: Full(partial, "x+"))
    with breaking_server(Plan(b"x" * SMALL, failures=0)) as url, pytest.raises(OSError, match="No space left"):
        bucket_at(url).download_object_to_path("a", tmp_path / "a")
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == []


def test_a_target_that_is_a_folder_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with breaking_server(Plan(b"x", failures=0)) as url, pytest.raises(IsADirectoryError):
        bucket_at(url).download_object_to_path("a", tmp_path / "a")
    assert list(tmp_path.joinpath("a").parent.glob("*.part")) == []


def test_a_stream_that_fails_fails_the_upload(rclone: S3Server) -> None:
    class Torn(io.RawIOBase):
        def readable(self) -> bool:
            return True

        def read(self, _size: int = -1) -> bytes:
            raise RuntimeError("torn")

    client, name = rclone.client(), rclone.bucket()
    with pytest.raises(RuntimeError, match="torn"):
        transfers.upload_stream(client, name, "a", Torn())  # type: ignore[arg-type]
    assert "Contents" not in client.list_objects_v2(Bucket=name)


def test_all_items_are_worked_on_and_counted() -> None:
    seen: list[int] = []
    assert each(seen.append, range(1000), 8) == 1000
    assert sorted(seen) == list(range(1000))
    assert each(seen.append, [], 8) == 0


def test_items_are_worked_on_beside_each_other_and_no_more_than_allowed() -> None:
    together, most, lock = 0, 0, threading.Lock()
    full = threading.Barrier(2)

    def work(_item: int) -> None:
        nonlocal together, most
        with lock:
            together += 1
            most = max(most, together)
        full.wait()  # nobody leaves before two are here
        with lock:
            together -= 1

    each(work, range(8), 2)
    assert most == 2


@pytest.mark.parametrize(("took", "computed", "wanted"), [(0.035, 0.002, 18), (0.002, 0.0018, 2), (1.0, 0.0, 64)])
def test_the_crew_grows_as_far_as_waiting_outweighs_computing(took: float, computed: float, wanted: int) -> None:
    crew = Crew(print, iter(()), most=64)
    crew.joined = 2
    while crew.joined < crew.most and crew.waits(took, computed):
        crew.joined += 1
    assert crew.joined == wanted


def test_one_disturbed_measurement_does_not_make_a_crowd() -> None:
    crew = Crew(print, iter(()), most=64)
    crew.joined = 2
    assert not crew.waits(0.002, 0.0018)
    assert not crew.waits(0.5, 0.0018)


def test_after_a_failure_no_more_are_begun_even_of_an_endless_listing() -> None:
    begun: list[int] = []

    def work(item: int) -> None:
        begun.append(item)
        if item == 10:
            raise ValueError("item 10")

    with pytest.raises(ValueError, match="item 10"):
        each(work, itertools.count(), 4)
    assert len(begun) < 10_000


def test_a_listing_that_fails_is_no_end_of_the_listing() -> None:
    def listing() -> Iterator[int]:
        yield 1
        raise RuntimeError("page 2")

    with pytest.raises(RuntimeError, match="page 2"):
        each(lambda _: None, listing(), 4)


MEASURE = """
import os, sys
from pathlib import Path
from strongroom_aws import S3Bucket

def peak():
    line = next(line for line in open("/proc/self/status") if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024

size, path = int(sys.argv[1]) << 20, Path(sys.argv[2])
with path.open("wb") as file:
    file.truncate(size)
parameters = {"endpoint_url": os.environ["URL"]}
bucket = S3Bucket(bucket_name=os.environ["BUCKET"], credentials={"aws_client_parameters": parameters})
bucket.write_path("warm", b"")
before = peak()
bucket.upload_from_path(path, "large")
bucket.download_object_to_path("large", path)
with path.open("rb") as file, open(os.devnull, "wb") as nowhere:
    bucket.upload_from_file_object(file, "large")
    bucket.download_object_to_file_object("large", nowhere)
assert path.stat().st_size == size
print(peak() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads the high-water mark from /proc")
def test_memory_is_bounded_by_the_parts_in_flight(rclone: S3Server, tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "URL": rclone.endpoint_url,
        "BUCKET": rclone.bucket(),
        "AWS_ACCESS_KEY_ID": rclone.access_key,
        "AWS_SECRET_ACCESS_KEY": rclone.secret_key,
        "MALLOC_ARENA_MAX": "2",  # memory that the C library keeps for each thread is not what is measured
    }
    command = [sys.executable, "-c", MEASURE, "192", str(tmp_path / "large.bin")]
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    assert float(done.stdout) < 128, "an object of 192 MiB took much more than the eight parts in flight"


BUSY = [(503, "SlowDown"), (503, "ServiceUnavailable"), (500, "InternalError"), (429, "TooManyRequests")]


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize("refused", BUSY, ids=lambda refused: refused[1])
def test_a_service_that_is_busy_for_a_while_is_asked_again(tmp_path: Path, refused: tuple[int, str]) -> None:
    plan = Plan(os.urandom(9 * transfers.MIB), failures=0, refused=refused)
    (tmp_path / "source").write_bytes(b"x" * SMALL)
    with breaking_server(plan) as url:
        bucket = patient_bucket_at(url)
        for ask in (
            lambda: bucket.read_path("a"),
            lambda: bucket.download_object_to_path("a", tmp_path / "a"),
            lambda: bucket.stat_object("a"),
            lambda: bucket.upload_from_path(tmp_path / "source", "a"),
        ):
            plan.refusals = 3
            ask()
            assert plan.refusals == 0
    assert (tmp_path / "a").read_bytes() == plan.content


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize("refused", BUSY, ids=lambda refused: refused[1])
def test_a_service_that_stays_busy_is_given_up_by_name(tmp_path: Path, refused: tuple[int, str]) -> None:
    plan = Plan(b"x" * SMALL, failures=0, refusals=10_000, refused=refused)
    (tmp_path / "source").write_bytes(b"x" * SMALL)
    with breaking_server(plan) as url:
        bucket = patient_bucket_at(url)
        for ask in (
            lambda: bucket.read_path("a"),
            lambda: bucket.download_object_to_path("a", tmp_path / "new" / "a"),
            lambda: bucket.download_object_to_file_object("a", io.BytesIO()),
            lambda: bucket.upload_from_path(tmp_path / "source", "a"),
        ):
            plan.seen.clear()
            with pytest.raises(ServiceBusy, match="could not answer for object 'a' in bucket 'bucket'"):
                ask()
            assert 2 <= len(plan.seen) <= 25
    assert [file.name for file in tmp_path.rglob("*") if file.is_file()] == ["source"]


def patient_bucket_at(url: str) -> S3Bucket:
    """A bucket whose SDK asks as often as it does by default."""
    bucket = bucket_at(url)
    parameters = AwsClientParameters(endpoint_url=url)
    credentials = bucket.credentials.model_copy(update={"aws_client_parameters": parameters})
    return bucket.model_copy(update={"credentials": credentials})


def test_what_a_busy_service_did_not_delete_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("strongroom_aws.bucket._FIRST_PAUSE_SECONDS", 0)
    plan = Plan(b"", failures=0, refusals=2, refused=(200, "InternalError"))
    with breaking_server(plan) as url:
        bucket = bucket_at(url)
        assert bucket.delete_objects(["a", "b"]) == ["a", "b"]
        assert plan.seen == ["DELETE a b", "DELETE b", "DELETE b"]
        plan.refusals = 10_000
        with pytest.raises(ServiceBusy, match="object 'b' in bucket 'bucket'"):
            bucket.delete_objects(["a", "b"])
        plan.seen.clear()
        plan.refused = (200, "AccessDenied")
        with pytest.raises(AccessDenied, match="object 'b' in bucket 'bucket'"):
            bucket.delete_objects(["a", "b"])
        assert plan.seen == ["DELETE a b"]
