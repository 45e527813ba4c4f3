"""The tasks by bucket name and key, in flows and by their asynchronous twins."""

from __future__ import annotations

import asyncio
import uuid
from pathlib import Path

import pytest
from servers.blocks import credentials_for
from servers.s3 import S3Server
from strongroom import Block, flow
from strongroom.objects import adownload_file, download_folder, upload_file, write_object
from strongroom_aws import AwsClientParameters, AwsCredentials, S3Bucket
from strongroom_aws.errors import BucketNotFound, ObjectNotFound
from strongroom_aws.s3 import (
    acopy_objects,
    adownload_from_bucket,
    alist_objects,
    amove_objects,
    aupload_to_bucket,
    copy_objects,
    download_from_bucket,
    list_objects,
    move_objects,
    s3_download,
    s3_upload,
    upload_to_bucket,
)


@pytest.fixture
def credentials(rclone: S3Server) -> AwsCredentials:
    return credentials_for(rclone)


def test_a_flow_written_for_prefect_moves_objects(rclone: S3Server, credentials: AwsCredentials) -> None:
    bucket, other = rclone.bucket(), rclone.bucket()

    @flow
    def nightly() -> tuple[bytes, list[str], list[str]]:
        key = upload_to_bucket(b"1", bucket, credentials, key="raw/a")
        copy_objects(key, "raw/b", bucket, credentials)
        move_objects("raw/b", "c", bucket, credentials, target_bucket_name=other)
        content = download_from_bucket(bucket=other, key="c", aws_credentials=credentials)
        return content, *([entry["Key"] for entry in list_objects(name, credentials)] for name in (bucket, other))

    assert nightly() == (b"1", ["raw/a"], ["c"])


def test_an_asynchronous_flow_awaits_the_twins(rclone: S3Server, credentials: AwsCredentials) -> None:
    bucket = rclone.bucket()

    @flow
    async def nightly() -> tuple[bytes, list[str]]:
        key = await aupload_to_bucket(data=b"1", bucket=bucket, aws_credentials=credentials)
        await asyncio.gather(*(acopy_objects(key, f"copy/{number}", bucket, credentials) for number in range(3)))
        await amove_objects(key, "moved", bucket, credentials)
        content = await adownload_from_bucket(bucket, "moved", credentials)
        return content, [entry["Key"] for entry in await alist_objects(bucket, credentials, prefix="copy/")]

    assert asyncio.run(nightly()) == (b"1", ["copy/0", "copy/1", "copy/2"])


def test_tasks_are_submitted_and_mapped(rclone: S3Server, credentials: AwsCredentials) -> None:
    bucket = rclone.bucket()

    @flow
    def many() -> list[bytes]:
        keys = [s3_upload.submit(bytes([number]), bucket, credentials, key=str(number)) for number in range(4)]
        return [s3_download.submit(bucket, key, credentials).result() for key in keys]

    assert many() == [b"\0", b"\1", b"\2", b"\3"]


def test_a_key_is_made_up_where_none_is_given(rclone: S3Server, credentials: AwsCredentials) -> None:
    assert uuid.UUID(upload_to_bucket(b"1", rclone.bucket(), credentials))


def test_client_parameters_of_a_task_take_the_place_of_the_blocks(rclone: S3Server) -> None:
    elsewhere = credentials_for(
        rclone, aws_client_parameters=AwsClientParameters(endpoint_url="http://127.0.0.1:1", config={"retries": {}})
    )
    here = AwsClientParameters(endpoint_url=rclone.endpoint_url)
    bucket = rclone.bucket()
    assert upload_to_bucket(b"1", bucket, elsewhere, here, key="a") == "a"
    assert download_from_bucket(bucket, "a", elsewhere, here) == b"1"


def test_a_listing_is_limited_and_queried(moto: S3Server) -> None:
    credentials, name = credentials_for(moto), moto.bucket()
    store = S3Bucket(bucket_name=name, credentials=credentials)
    for key, size in {"a/1": 5, "a/2": 500, "a/b/3": 5000}.items():
        store.write_path(key, b"x" * size)

    def keys(**how: object) -> list[str]:
        return [entry["Key"] for entry in list_objects(name, credentials, **how)]  # type: ignore[call-arg,arg-type]

    assert keys(prefix="a/") == ["a/1", "a/2", "a/b/3"]
    assert keys(prefix="a/", delimiter="/") == ["a/1", "a/2"]
    assert keys(page_size=1, max_items=2) == ["a/1", "a/2"]
    assert keys(prefix="nothing") == []
    assert keys(page_size=1, jmespath_query="Contents[?Size > `100`][]") == ["a/2", "a/b/3"]


def test_a_failing_task_fails_with_our_error(rclone: S3Server, credentials: AwsCredentials) -> None:
    with pytest.raises(ObjectNotFound, match="no object 'missing'"):
        download_from_bucket(rclone.bucket(), "missing", credentials)
    with pytest.raises(BucketNotFound):
        asyncio.run(adownload_from_bucket("no-such-bucket", "missing", credentials))


def test_tasks_over_a_loaded_bucket_move_files(bucket: S3Bucket, tmp_path: Path) -> None:
    bucket.save("lake")
    (tmp_path / "report.csv").write_bytes(b"1")

    @flow
    def nightly() -> Path:
        lake = S3Bucket.load("lake")
        upload_file(lake, tmp_path / "report.csv", "raw/report.csv")
        write_object(Block.load("lake"), "raw/done", b"")
        return download_folder(lake, "raw", tmp_path / "back")

    assert sorted(file.name for file in nightly().iterdir()) == ["done", "report.csv"]
    target = asyncio.run(adownload_file(bucket, "raw/report.csv", to_path=tmp_path / "again.csv"))
    assert target.read_bytes() == b"1"
