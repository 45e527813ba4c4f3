"""The suite that every object store has to pass: on a whole bucket, and on a folder of one."""

from __future__ import annotations

import pytest
from servers.gcs import GcsServer
from strongroom_blocks.testing import ObjectStoreContract
from strongroom_gcp import GcsBucket


class TestBucket(ObjectStoreContract):
    @pytest.fixture
    def store(self, bucket: GcsBucket) -> GcsBucket:
        return bucket


class TestFolderOfABucket(ObjectStoreContract):
    @pytest.fixture
    def store(self, bucket: GcsBucket, gcs: GcsServer) -> GcsBucket:
        gcs.client().bucket(bucket.bucket).blob("beside").upload_from_string(b"not in the folder")
        return bucket.model_copy(update={"bucket_folder": "in/a folder"})
