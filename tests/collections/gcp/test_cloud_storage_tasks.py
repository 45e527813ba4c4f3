"""The tasks by bucket and blob name, in flows and by their asynchronous twins."""

from __future__ import annotations

import asyncio
import io
import os
from pathlib import Path

import pytest
from servers.gcs import GcsServer
from strongroom import Block, flow
from strongroom.objects import download_folder, upload_file, write_object
from strongroom_gcp import GcpCredentials, GcsBucket
from strongroom_gcp.cloud_storage import (
    acloud_storage_copy_blob,
    acloud_storage_create_bucket,
    acloud_storage_download_blob_as_bytes,
    acloud_storage_download_blob_to_file,
    acloud_storage_upload_blob_from_file,
    acloud_storage_upload_blob_from_string,
    cloud_storage_copy_blob,
    cloud_storage_create_bucket,
    cloud_storage_download_blob_as_bytes,
    cloud_storage_download_blob_to_file,
    cloud_storage_upload_blob_from_file,
    cloud_storage_upload_blob_from_string,
)
from strongroom_gcp.errors import GcpExists, ObjectNotFound


@pytest.fixture
def credentials(gcs: GcsServer) -> GcpCredentials:
    return GcpCredentials(storage_endpoint=gcs.endpoint_url, project="acme")


def test_a_flow_written_for_prefect_moves_blobs(credentials: GcpCredentials, tmp_path: Path) -> None:
    @flow
    def moves() -> None:
        bucket = cloud_storage_create_bucket("of-the-tasks", credentials, location="EU")
        other = cloud_storage_create_bucket("of-the-tasks-too", credentials, project="other")
        assert cloud_storage_upload_blob_from_string("one", bucket, "a/1", credentials) == "a/1"
        assert cloud_storage_upload_blob_from_string(b"2", bucket, "a/2", credentials, "text/csv", timeout=(5, 5))
        assert cloud_storage_download_blob_as_bytes(bucket, "a/1", credentials) == b"one"
        assert cloud_storage_download_blob_as_bytes(bucket, "a/1", credentials, start=1) == b"ne"
        assert cloud_storage_copy_blob(bucket, other, "a/1", credentials) == "a/1"
        assert cloud_storage_copy_blob(bucket, other, "a/1", credentials, "b", timeout=5) == "b"
        (tmp_path / "source.json").write_bytes(b"{}")
        cloud_storage_upload_blob_from_file(tmp_path / "source.json", other, "c", credentials)
        cloud_storage_upload_blob_from_file(io.BytesIO(b"3"), other, "d", credentials, chunk_size=256 << 10)
        assert cloud_storage_download_blob_to_file(other, "c", str(tmp_path), credentials) == str(tmp_path / "c")
        target = cloud_storage_download_blob_to_file(other, "d", tmp_path / "new" / "d", credentials, 256 << 10)
        assert Path(target).read_bytes() == b"3"

    moves()
    other = GcsBucket(bucket="of-the-tasks-too", gcp_credentials=credentials)
    assert [entry.key for entry in other.list_objects()] == ["a/1", "b", "c", "d"]
    assert other.object_details("c").content_type == "application/json"
    assert (tmp_path / "c").read_bytes() == b"{}"


def test_the_twins_do_the_same(credentials: GcpCredentials, tmp_path: Path) -> None:
    content = os.urandom(1000)

    @flow
    async def moves() -> bytes:
        bucket = await acloud_storage_create_bucket("of-the-twins", credentials)
        await acloud_storage_upload_blob_from_string(content, bucket, "a", credentials)
        await acloud_storage_copy_blob(bucket, bucket, "a", credentials, "b")
        path = await acloud_storage_download_blob_to_file(bucket, "b", tmp_path / "b", credentials)
        await acloud_storage_upload_blob_from_file(path, bucket, "c", credentials)
        return await acloud_storage_download_blob_as_bytes(bucket, "c", credentials)

    assert asyncio.run(moves()) == content


def test_what_is_missing_or_there_already_is_said(credentials: GcpCredentials, gcs: GcsServer, tmp_path: Path) -> None:
    bucket = gcs.bucket()

    @flow
    def missing() -> None:
        cloud_storage_download_blob_to_file(bucket, "none", tmp_path / "none", credentials)

    with pytest.raises(ObjectNotFound, match=f"no object 'none' in bucket '{bucket}'"):
        missing()
    assert not (tmp_path / "none").exists()

    @flow
    def twice() -> None:
        cloud_storage_create_bucket(bucket, credentials)

    with pytest.raises(GcpExists):
        twice()


def test_tasks_of_every_store_work_on_a_bucket(bucket: GcsBucket, tmp_path: Path) -> None:
    (tmp_path / "report.csv").write_text("a\n1\n")
    bucket.save("lake")

    @flow
    def nightly() -> Path:
        lake = Block.load("lake")
        upload_file(lake, tmp_path / "report.csv", "raw/report.csv")
        write_object(lake, "raw/done", b"")
        return download_folder(lake, "raw", tmp_path / "work")

    assert sorted(file.name for file in nightly().iterdir()) == ["done", "report.csv"]
