"""The suite that every object store has to pass: on a whole bucket, and on a folder of one in another store."""

from __future__ import annotations

import pytest
from servers.blocks import credentials_for
from servers.s3 import S3Server
from strongroom_aws import S3Bucket
from strongroom_blocks.testing import ObjectStoreContract


class TestBucket(ObjectStoreContract):
    @pytest.fixture
    def store(self, moto: S3Server) -> S3Bucket:
        return S3Bucket(bucket_name=moto.bucket(), credentials=credentials_for(moto))


class TestFolderOfABucket(ObjectStoreContract):
    # While an object is being overwritten, rclone answers 500 to those who read it; S3 does not.
    test_many_threads_write_and_read_at_once = None  # type: ignore[assignment]

    @pytest.fixture
    def store(self, bucket: S3Bucket, rclone: S3Server) -> S3Bucket:
        rclone.client().put_object(Bucket=bucket.bucket_name, Key="beside", Body=b"not in the folder")
        return bucket.model_copy(update={"bucket_folder": "in/a folder"})
