"""Transfers that are disturbed, and what they need of memory."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import google_crc32c
import pytest
from hypothesis import given
from hypothesis import strategies as st
from servers.breaking_gcs import BreakingGcs, Fault, breaking_gcs
from strongroom import flow
from strongroom.artifacts import watch_progress
from strongroom.stores import ObjectChanged, PreconditionFailed
from strongroom_gcp import GcpCredentials, GcsBucket, checksums, patience, resumable, transfers
from strongroom_gcp.errors import GcpBusy, GcpDamaged, GcpDenied, GcpUnreachable

MIB = 1 << 20
SMALL, LARGE = 100_000, 20 * MIB


@pytest.fixture
def broken() -> Iterator[BreakingGcs]:
    """A server that breaks as it is told."""
    with breaking_gcs() as running:
        yield running


@pytest.fixture
def bucket(broken: BreakingGcs, monkeypatch: pytest.MonkeyPatch) -> GcsBucket:
    """Its bucket, asked again without waiting in between."""
    for module in (patience, resumable):
        monkeypatch.setattr(module, "FIRST_DELAY_SECONDS", 0.0001)
        monkeypatch.setattr(module, "LONGEST_DELAY_SECONDS", 0.0001)
    return GcsBucket(bucket="bucket", gcp_credentials=GcpCredentials(storage_endpoint=broken.address))


class Stream(io.RawIOBase):
    """A pipe: it cannot be sought in, and gives less than it is asked for."""

    def __init__(self, content: bytes) -> None:
        self._content = io.BytesIO(content)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        part = self._content.read(min(len(buffer), 3 * MIB + 1))
        buffer[: len(part)] = part
        return len(part)


def spans(server: BreakingGcs) -> list[str]:
    """The parts of uploads that were sent."""
    return [seen.partition("bytes ")[2] for seen in server.seen if seen.startswith("PUT")]


def files(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.rglob("*") if file.is_file())


def test_an_upload_goes_on_where_the_connection_broke(broken: BreakingGcs, bucket: GcsBucket, tmp_path: Path) -> None:
    content = os.urandom(LARGE)
    (tmp_path / "large").write_bytes(content)
    broken.faults = [Fault("part", after=5 * MIB), Fault("part", status=503), Fault("part", after=7 * MIB)]
    assert bucket.upload_from_path(tmp_path / "large") == "large"
    assert broken.objects["large"][0] == content
    assert len(broken.sessions) == 1
    sent = [span for span in spans(broken) if not span.startswith("*")]
    starts = [int(span.partition("-")[0]) for span in sent]
    assert starts[0] == 0
    assert starts[-1] == 12 * MIB
    assert broken.cancelled == []


def test_a_stream_goes_on_too_and_is_held_back_no_more_than_two_chunks(broken: BreakingGcs, bucket: GcsBucket) -> None:
    content = os.urandom(LARGE)
    broken.faults = [Fault("part", after=3 * MIB), Fault("part", status=502), Fault("part", after=0)]
    assert bucket.upload_from_file_object(Stream(content), "stream") == "stream"  # type: ignore[arg-type]
    assert broken.objects["stream"][0] == content
    assert bucket.upload_from_file_object(Stream(content[: 16 * MIB]), "whole") == "whole"  # type: ignore[arg-type]
    assert broken.objects["whole"][0] == content[: 16 * MIB]
    assert bucket.upload_from_file_object(Stream(b"few"), "few") == "few"  # type: ignore[arg-type]
    assert broken.objects["few"][0] == b"few"


def test_an_answer_that_is_lost_is_asked_for(broken: BreakingGcs, bucket: GcsBucket) -> None:
    content = os.urandom(LARGE)
    broken.faults = [Fault("part", late=True)]
    bucket.write_path("large", content)
    assert broken.generation == 1001
    broken.faults = [Fault("upload", late=True)]
    assert bucket.write_if_absent("small", b"1") == "small"
    assert broken.objects["small"] == (b"1", 1002)
    broken.faults = [Fault("upload", late=True)]
    with pytest.raises(PreconditionFailed):
        bucket.write_if_absent("small", b"2")
    with pytest.raises(PreconditionFailed):
        bucket.write_path("large", content, if_generation_match=7)


def test_a_session_that_is_lost_is_begun_anew_where_it_can_be(broken: BreakingGcs, bucket: GcsBucket) -> None:
    content = os.urandom(LARGE)
    broken.faults = [Fault("part", after=9 * MIB), Fault("part", status=410)]
    bucket.upload_from_file_object(io.BytesIO(content), "large")
    assert broken.objects["large"][0] == content
    assert len(broken.sessions) == 2
    broken.faults = [Fault("part", status=410)]
    with pytest.raises(GcpUnreachable, match="object 'stream' in bucket 'bucket' broke off"):
        bucket.upload_from_file_object(Stream(content), "stream")  # type: ignore[arg-type]


def test_an_upload_that_fails_leaves_what_was_there_and_no_session(
    broken: BreakingGcs, bucket: GcsBucket, tmp_path: Path
) -> None:
    broken.put("large", b"before")
    (tmp_path / "large").write_bytes(bytes(LARGE))
    for status, kind in ((503, GcpUnreachable), (429, GcpBusy), (403, GcpDenied)):
        broken.faults = [Fault("part", status=status) for _ in range(patience.ATTEMPTS)]
        with pytest.raises(kind, match="'large' in bucket 'bucket'"):
            bucket.upload_from_path(tmp_path / "large")
    assert broken.objects["large"][0] == b"before"
    assert broken.cancelled == ["large"] * 3
    broken.faults = [Fault("session", status=403, said="x does not have storage.objects.create access to the bucket.")]
    with pytest.raises(GcpDenied, match=r"lacks the right storage\.objects\.create"):
        bucket.upload_from_path(tmp_path / "large")


def test_a_server_that_keeps_nothing_is_not_sent_to_forever(broken: BreakingGcs, bucket: GcsBucket) -> None:
    content = bytes(9 * MIB)
    for file in (io.BytesIO(content), Stream(content)):
        broken.faults = [Fault("part", status=308) for _ in range(patience.ATTEMPTS)]
        with pytest.raises(GcpUnreachable, match="object 'large' in bucket 'bucket' broke off"):
            bucket.upload_from_file_object(file, "large")  # type: ignore[arg-type]
    broken.faults = [Fault("part", status=308)]
    bucket.write_path("large", content)
    assert broken.objects["large"][0] == content
    assert broken.cancelled == ["large"] * 2


def test_a_stream_whose_confirmed_part_is_lost_is_never_patched_together() -> None:
    source = resumable.StreamSource(io.BytesIO(bytes(20 * MIB)), bytes(transfers.PART))  # type: ignore[arg-type]
    source.part(transfers.PART)
    with pytest.raises(resumable.SessionLost):
        source.part(0)


def test_a_small_file_that_changes_while_it_is_read_is_not_uploaded(
    broken: BreakingGcs, bucket: GcsBucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "log"
    file.write_bytes(b"begun")
    state = transfers._state

    def grow(opened: Any) -> tuple[int, int]:
        found = state(opened)
        file.write_bytes(bytes(transfers.PART * 2))
        return found

    monkeypatch.setattr(transfers, "_state", grow)
    with pytest.raises(ObjectChanged, match="changed while it was read"):
        bucket.upload_from_path(file)
    assert broken.objects == {}


def test_an_interrupt_cancels_the_session(broken: BreakingGcs, bucket: GcsBucket) -> None:
    class Interrupted(io.BytesIO):
        reads = 0

        def read(self, size: int | None = -1, /) -> bytes:
            self.reads += 1
            if self.reads > 40:  # the first pass is for the checksum
                raise KeyboardInterrupt
            return super().read(size)

    with pytest.raises(KeyboardInterrupt):
        bucket.upload_from_file_object(Interrupted(bytes(LARGE)), "large")
    assert broken.cancelled == ["large"]
    assert broken.objects == {}


def test_a_file_that_changes_while_it_is_uploaded_is_refused(
    broken: BreakingGcs, bucket: GcsBucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken.put("large", b"before")
    file = tmp_path / "large"
    real = transfers.of_file

    def changing(opened: Any, length: int | None, size: int) -> str:
        found = real(opened, length)
        with file.open("r+b") as other:
            other.truncate(size)
            other.write(b"x")
        return found

    for size in (LARGE, 3 * MIB):
        file.write_bytes(bytes(LARGE))
        monkeypatch.setattr(transfers, "of_file", lambda opened, length, size=size: changing(opened, length, size))
        with pytest.raises(ObjectChanged):
            bucket.upload_from_path(file)
    assert broken.objects["large"][0] == b"before"


@pytest.mark.parametrize("when", ["before its checksum", "after its checksum"])
def test_a_file_that_grows_while_it_is_uploaded_is_refused(
    broken: BreakingGcs, bucket: GcsBucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    broken.put("large", b"before")
    file = tmp_path / "large"
    file.write_bytes(os.urandom(LARGE))
    real = transfers.of_file

    def growing(opened: Any, length: int | None) -> str:
        found = real(opened, length) if when == "after its checksum" else ""
        with file.open("ab") as other:
            other.write(b"one more line")
        return found or real(opened, length)

    monkeypatch.setattr(transfers, "of_file", growing)
    with pytest.raises(ObjectChanged, match="changed while it was read"):
        bucket.upload_from_path(file)
    assert broken.objects["large"][0] == b"before"
    assert broken.cancelled == ["large"]


def test_a_server_that_keeps_what_was_damaged_is_not_believed(broken: BreakingGcs, bucket: GcsBucket) -> None:
    for kind, content in (("upload", b"1"), ("part", bytes(LARGE))):
        broken.faults = [Fault(kind, damage=True)]
        with pytest.raises(GcpDamaged, match="'a' in bucket 'bucket'"):
            bucket.write_path("a", content)
        assert broken.objects == {}


@pytest.mark.parametrize("size", [SMALL, LARGE])
def test_a_download_goes_on_when_the_server_comes_back(
    broken: BreakingGcs, bucket: GcsBucket, tmp_path: Path, size: int
) -> None:
    content = os.urandom(size)
    broken.put("a", content)

    def faults() -> list[Fault]:
        return [Fault("download", after=size // 9), Fault("download", status=503), Fault("download", after=0)]

    broken.faults = faults()
    assert bucket.download_object_to_path("a", tmp_path / "a").read_bytes() == content
    broken.faults = faults()
    assert bucket.read_path("a") == content
    broken.faults = faults()
    target = io.BytesIO(b"head")
    target.seek(4)
    bucket.download_object_to_file_object("a", target)
    assert target.getvalue() == b"head" + content
    assert files(tmp_path) == ["a"]


@pytest.mark.parametrize("size", [SMALL, LARGE])
def test_what_is_damaged_on_the_way_is_fetched_again_and_never_kept(
    broken: BreakingGcs, bucket: GcsBucket, tmp_path: Path, size: int
) -> None:
    content = os.urandom(size)
    broken.put("a", content)
    broken.faults = [Fault("download", damage=True)]
    assert bucket.download_object_to_path("a", tmp_path / "a").read_bytes() == content
    broken.faults = [Fault("download", damage=True)]
    assert bucket.read_path("a") == content
    for download in (
        lambda: bucket.download_object_to_path("a", tmp_path / "new" / "b"),
        lambda: bucket.read_path("a"),
        lambda: bucket.download_object_to_file_object("a", io.BytesIO()),
        lambda: bucket.get_directory("", tmp_path / "all"),
    ):
        broken.faults = [Fault("download", damage=True) for _ in range(99)]
        with pytest.raises(GcpDamaged, match="object 'a' in bucket 'bucket' does not fit its checksum"):
            download()
    assert files(tmp_path) == ["a"]


def test_damage_before_a_break_is_found_after_it(broken: BreakingGcs, bucket: GcsBucket) -> None:
    """The client itself checks nothing once it has gone on."""
    broken.put("a", os.urandom(SMALL))
    broken.faults = [
        fault for _ in range(9) for fault in (Fault("download", after=SMALL * 3 // 4, damage=True), Fault("none"))
    ]
    with pytest.raises(GcpDamaged):
        bucket.download_object_to_file_object("a", io.BytesIO())


@pytest.mark.parametrize("size", [SMALL, LARGE])
def test_a_server_that_dies_leaves_no_file(broken: BreakingGcs, bucket: GcsBucket, tmp_path: Path, size: int) -> None:
    broken.put("a", bytes(size))
    (tmp_path / "kept").write_bytes(b"before")
    for target in (tmp_path / "new" / "a", tmp_path / "kept"):
        broken.faults = [Fault("download", after=10) for _ in range(999)]
        with pytest.raises(GcpUnreachable, match="object 'a' in bucket 'bucket'"):
            bucket.download_object_to_path("a", target)
    assert files(tmp_path) == ["kept"]
    assert (tmp_path / "kept").read_bytes() == b"before"


def test_an_object_that_is_replaced_in_the_middle_is_fetched_as_it_is_then(
    broken: BreakingGcs, bucket: GcsBucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = os.urandom(LARGE), os.urandom(LARGE)
    broken.put("a", old)
    entry = bucket.stat_object("a")
    broken.put("a", new)
    monkeypatch.setattr(transfers.Download, "looked_up", _once(entry, transfers.Download.looked_up))
    assert bucket.download_object_to_path("a", tmp_path / "a").read_bytes() == new
    monkeypatch.setattr(transfers.Download, "looked_up", lambda _self: entry)
    with pytest.raises(ObjectChanged, match="'a' in bucket 'bucket' was replaced"):
        bucket.download_object_to_path("a", tmp_path / "b")
    assert files(tmp_path) == ["a"]


def _once(entry: Any, real: Any) -> Any:
    first = [entry]
    return lambda self: first.pop() if first else real(self)


def test_a_busy_server_is_asked_again_for_everything(broken: BreakingGcs, bucket: GcsBucket) -> None:
    broken.put("a", b"1")
    broken.put("b", b"2")
    broken.faults = [Fault(kind, status=503) for kind in ("metadata", "list", "delete", "upload", "download")]
    assert bucket.path_exists("a")
    assert [entry.key for entry in bucket.list_objects()] == ["a", "b"]
    assert bucket.read_path("a") == b"1"
    bucket.write_path("c", b"3")
    bucket.delete_objects(["a", "b", "none"])
    assert list(broken.objects) == ["c"]
    assert broken.faults == []


def test_a_flow_tells_how_far_a_large_transfer_is(broken: BreakingGcs, bucket: GcsBucket, tmp_path: Path) -> None:
    told: list[tuple[float, str | None]] = []
    end = watch_progress(lambda progress: told.append((progress.progress, progress.description)))

    @flow
    def moves() -> None:
        bucket.write_path("large", bytes(LARGE))
        bucket.download_object_to_path("large", tmp_path / "large")
        bucket.put_directory(tmp_path, "all")

    try:
        moves()
    finally:
        end()
    done = [description for progress, description in told if progress == 100]
    assert done[0] == "upload of large: 20.0 MiB of 20.0 MiB"
    assert "download of large: 20.0 MiB of 20.0 MiB" in done
    assert str(done[-1]).endswith("files")


@given(st.lists(st.binary(max_size=300), max_size=6))
def test_checksums_of_parts_join_to_that_of_the_whole(parts: list[bytes]) -> None:
    value = 0
    for part in parts:
        value = checksums.joined(value, google_crc32c.value(part), len(part))
    assert value == google_crc32c.value(b"".join(parts))


MEASURE = """
import os, sys
from pathlib import Path
from strongroom_gcp import GcsBucket

def peak():
    line = next(line for line in open("/proc/self/status") if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024

path = Path(sys.argv[1])
with path.open("wb") as file:
    file.truncate(int(sys.argv[2]) << 20)
bucket = GcsBucket(bucket="bucket")
try:
    bucket.read_path("warm")
except FileNotFoundError:
    pass
before = peak()
bucket.upload_from_path(path, "large")
print(peak() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads the high-water mark from /proc")
def test_memory_is_bounded(broken: BreakingGcs, tmp_path: Path) -> None:
    broken.keeps = False
    environment = {**os.environ, "STORAGE_EMULATOR_HOST": broken.address, "MALLOC_ARENA_MAX": "2"}
    command = [sys.executable, "-c", MEASURE, str(tmp_path / "large"), "192"]
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    assert broken.counted == 192 * MIB
    assert float(done.stdout) < 32
