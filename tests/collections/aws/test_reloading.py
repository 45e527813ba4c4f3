"""Credentials whose secret stays elsewhere and is rotated: a bucket goes on with the new one."""

from __future__ import annotations

from pathlib import Path

import pytest
from servers.blocks import credentials_for
from servers.s3 import S3Server
from shelf import Shelf
from strongroom import secret_from
from strongroom.testing import strongroom_test_harness, using_sources
from strongroom_aws import AwsCredentials, S3Bucket
from strongroom_aws.errors import CredentialsRejected


@pytest.fixture
def shelf() -> Shelf:
    return Shelf(key="the-key-of-yesterday")


@pytest.fixture
def bucket(rclone: S3Server, shelf: Shelf):
    name = rclone.bucket()
    with using_sources({"shelf": shelf}):
        yield S3Bucket(
            bucket_name=name, credentials=credentials_for(rclone, aws_secret_access_key=secret_from("shelf:key"))
        )


def test_a_rotated_key_is_fetched_anew(bucket: S3Bucket, shelf: Shelf, rclone: S3Server, tmp_path: Path) -> None:
    with pytest.raises(CredentialsRejected):
        bucket.read_path("a")
    shelf.secrets["key"] = rclone.secret_key
    assert bucket.write_path("a", b"1") == "a"
    assert len(shelf.calls) == 2
    assert bucket.read_path("a") == b"1"
    bucket.delete_objects(path for path in ("a", "b"))
    assert bucket.list_objects() == []
    assert len(shelf.calls) == 2


def test_every_way_in_does_so(bucket: S3Bucket, shelf: Shelf, rclone: S3Server, tmp_path: Path) -> None:
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "x").write_bytes(b"x")
    calls = [
        lambda: bucket.upload_from_path(tmp_path / "files" / "x", "x"),
        lambda: bucket.upload_from_folder(tmp_path / "files", "all"),
        lambda: bucket.path_exists("x"),
        lambda: bucket.copy_object("x", "y"),
        lambda: bucket.list_objects(),
        lambda: bucket.download_object_to_path("x", tmp_path / "back"),
        lambda: bucket.download_folder_to_path("all", tmp_path / "all"),
        lambda: bucket.move_object("y", "z"),
        lambda: bucket.delete_objects(iter(["x", "z", "all/x"])),
    ]
    for number, call in enumerate(calls):
        shelf.secrets["key"] = f"the-key-of-day-{number}"
        with pytest.raises(CredentialsRejected):
            _refreshed(bucket).read_path("x")
        shelf.secrets["key"] = rclone.secret_key
        call()
    assert bucket.list_objects() == []


def test_a_newer_version_of_the_credentials_is_loaded_once(rclone: S3Server) -> None:
    name = rclone.bucket()
    with strongroom_test_harness():
        credentials_for(rclone, aws_secret_access_key="the-key-of-yesterday").save("login")
        S3Bucket(bucket_name=name, credentials=AwsCredentials.load("login")).save("lake")
        bucket = S3Bucket.load("lake")
        with pytest.raises(CredentialsRejected):
            bucket.read_path("a")
        credentials_for(rclone).save("login", overwrite=True)
        assert bucket.write_path("a", b"1") == "a"
        assert [entry.key for entry in bucket.list_objects()] == ["a"]
        assert bucket.credentials != AwsCredentials.load("login")


def _refreshed(bucket: S3Bucket) -> S3Bucket:
    from strongroom import refresh

    refresh(bucket)
    return bucket
