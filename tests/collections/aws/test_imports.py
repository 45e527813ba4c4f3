"""What the collection costs before it is used, and what it says where the SDK is missing."""

from __future__ import annotations

import subprocess
import sys

import pytest
from strongroom import MissingExtra
from strongroom_aws import AwsCredentials, S3Bucket
from strongroom_blocks import catalog


def test_the_sdk_is_not_loaded_before_it_is_used() -> None:
    code = """if True:
        import sys, strongroom_aws, strongroom_aws.s3, strongroom_aws.errors
        bucket = strongroom_aws.S3Bucket(bucket_name="b")
        print([name for name in sys.modules if name.split(".")[0] in {"boto3", "botocore", "s3transfer", "urllib3"}])
    """
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


def test_a_missing_sdk_is_named_with_what_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "boto3", None)
    credentials = AwsCredentials(region_name="eu-north-1")
    for ask in (
        credentials.get_boto3_session,
        credentials.get_s3_client,
        lambda: S3Bucket(bucket_name="b", credentials=credentials).read_path("x"),
    ):
        with pytest.raises(MissingExtra, match=r'pip install "strongroom\[aws\]"'):
            ask()


@pytest.mark.parametrize("slug", ["aws-credentials", "minio-credentials", "s3-bucket"])
def test_the_types_are_found_by_their_slugs(slug: str) -> None:
    card = catalog.find(slug)
    assert card.load().__block__.slug == slug
    assert card.load().__module__ == card.module
