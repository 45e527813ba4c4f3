"""Transfers that are ended in the middle, by a cancellation or by what they move, leave nothing behind."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from servers.blocks import credentials_for
from servers.s3 import S3Server
from strongroom import flow
from strongroom.artifacts import watch_progress
from strongroom.artifacts.progress import Progress
from strongroom.planting import plant
from strongroom.stores import ObjectChanged
from strongroom_aws import S3Bucket
from strongroom_aws.transfers import MIB


@pytest.fixture
def bucket(moto: S3Server) -> S3Bucket:
    return S3Bucket(bucket_name=moto.bucket(), credentials=credentials_for(moto))


@pytest.fixture
def large(tmp_path: Path) -> Path:
    file = tmp_path / "source" / "large"
    file.parent.mkdir()
    file.write_bytes(os.urandom(40 * MIB))
    return file


def ended(work: Callable[[Callable[[int], None]], object]) -> BaseException | None:
    """What a thread ends with that is interrupted once its transfer has moved something."""
    outcome: list[BaseException | None] = []
    moving, struck = threading.Event(), threading.Event()

    def callback(_count: int) -> None:
        moving.set()
        struck.wait(30)

    def run() -> None:
        try:
            work(callback)
        except BaseException as problem:
            outcome.append(problem)
        else:
            outcome.append(None)

    thread = threading.Thread(target=run)
    thread.start()
    assert moving.wait(30)
    plant(thread.ident, KeyboardInterrupt)  # type: ignore[arg-type]
    while thread.is_alive() and not outcome:
        struck.set()
        thread.join(1)
    return outcome[0]


def test_an_interrupted_upload_leaves_no_parts(bucket: S3Bucket, moto: S3Server, large: Path) -> None:
    assert isinstance(ended(lambda tell: bucket.upload_from_path(large, Callback=tell)), KeyboardInterrupt)
    assert "Uploads" not in moto.client().list_multipart_uploads(Bucket=bucket.bucket_name)
    left = bucket.list_objects()
    assert [stored.size for stored in left] in ([], [40 * MIB])  # whole where it struck after the last part


def test_an_interrupted_download_leaves_no_part_of_a_file(bucket: S3Bucket, large: Path, tmp_path: Path) -> None:
    bucket.upload_from_path(large)
    target = tmp_path / "target"
    for work in (
        lambda tell: bucket.download_object_to_path("large", target / "large", Callback=tell),
        lambda tell: bucket.download_folder_to_path("", target, Callback=tell),
    ):
        assert isinstance(ended(work), KeyboardInterrupt)
        left = [file for file in target.rglob("*") if file.is_file()]
        assert [file for file in left if file.read_bytes() != large.read_bytes()] == []  # or it struck after the end
        assert {file.name for file in left} <= {"large"}


def test_a_file_that_changes_while_it_goes_up_is_no_object(bucket: S3Bucket, moto: S3Server, large: Path) -> None:
    changed = threading.Event()

    def change(_count: int) -> None:
        if not changed.is_set():
            changed.set()
            with large.open("ab") as file:
                file.write(b"more")

    with pytest.raises(ObjectChanged, match="changed while it was uploaded"):
        bucket.upload_from_path(large, Callback=change)
    assert bucket.list_objects() == []
    assert "Uploads" not in moto.client().list_multipart_uploads(Bucket=bucket.bucket_name)


def test_who_watches_a_run_sees_how_far_its_transfers_are(bucket: S3Bucket, large: Path, tmp_path: Path) -> None:
    told: list[Progress] = []

    @flow
    def mirror() -> None:
        bucket.upload_from_path(large)
        bucket.download_object_to_path("large", tmp_path / "back")

    end = watch_progress(told.append)
    try:
        mirror()
        bucket.read_path("large")
    finally:
        end()
    assert {entry.flow_run_id is None for entry in told} == {False}
    texts = [entry.description or "" for entry in told if entry.progress == 100]
    assert texts == [
        f"large to {bucket.bucket_name}: 40.0 MiB of 40.0 MiB",
        f"large from {bucket.bucket_name}: 40.0 MiB of 40.0 MiB",
    ]
