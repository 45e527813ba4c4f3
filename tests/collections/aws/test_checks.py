"""Whether logins and buckets work, asked the way that `strongroom block check` asks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from canaries import Plant
from pydantic import SecretStr
from servers.aws_api import aws_api, mute_server
from servers.blocks import bucket_at, credentials_for
from servers.s3 import S3Server
from strongroom.checks import Checkable, CheckAbsent, CheckDenied, CheckFailed, CheckUnreachable
from strongroom_aws import AwsClientParameters, AwsCredentials, MinIOCredentials, S3Bucket

pytestmark = pytest.mark.usefixtures("at_once")


def test_a_bucket_says_whether_it_can_be_listed_and_holds_anything(bucket: S3Bucket) -> None:
    assert isinstance(bucket, Checkable)
    assert bucket.check(10) == f"may list bucket {bucket.bucket_name!r}, where there are no objects"
    bucket.write_path("raw/x", b"x")
    assert bucket.check(10) == f"may list bucket {bucket.bucket_name!r}, where there are objects"
    folder = bucket.model_copy(update={"bucket_folder": "ra"})
    assert folder.check(10).endswith("no objects")


def test_a_bucket_that_is_not_there_is_absent(rclone: S3Server) -> None:
    with pytest.raises(CheckAbsent, match="no bucket 'nowhere'"):
        S3Bucket(bucket_name="nowhere", credentials=credentials_for(rclone)).check(10)


def test_a_wrong_secret_is_denied(rclone: S3Server, bucket: S3Bucket, canary: Plant) -> None:
    wrong = credentials_for(rclone, aws_secret_access_key=canary("wrong"))
    with pytest.raises(CheckDenied, match="rejected"):
        bucket.model_copy(update={"credentials": wrong}).check(10)


def test_a_store_that_is_away_or_mute_is_unreachable(nobody_there: str) -> None:
    with pytest.raises(CheckUnreachable, match=nobody_there):
        bucket_at(nobody_there).check(10)
    with mute_server() as address, pytest.raises(CheckUnreachable, match=address):
        bucket_at(address).check(0.05)


def test_a_user_of_minio_sees_buckets_or_is_denied(rclone: S3Server, bucket: S3Bucket, canary: Plant) -> None:
    user = MinIOCredentials(
        minio_root_user=rclone.access_key,
        minio_root_password=SecretStr(rclone.secret_key),
        aws_client_parameters=AwsClientParameters(endpoint_url=rclone.endpoint_url),
    )
    assert isinstance(user, Checkable)
    assert user.check(10).startswith(f"is accepted as {rclone.access_key}, and sees ")
    wrong = user.model_copy(update={"minio_root_password": SecretStr(canary("wrong"))})
    with pytest.raises(CheckDenied, match="rejected"):
        wrong.check(10)


async def _acheck(block: Any) -> str:
    return str(await block.acheck(10))


def test_the_twin_does_the_same(bucket: S3Bucket) -> None:
    import asyncio

    assert asyncio.run(_acheck(bucket)) == bucket.check(10)


class TestCredentials:
    def test_aws_is_asked_who_they_are(self, aws: Callable[[str], Any]) -> None:
        credentials = AwsCredentials()
        assert isinstance(credentials, Checkable)
        assert credentials.check(10).startswith("is arn:aws:sts::123456789012:")

    def test_ones_that_are_not_accepted_are_denied(
        self, aws: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with aws_api() as api:
            monkeypatch.setenv("AWS_ENDPOINT_URL_STS", api.endpoint_url)
            error = "<ErrorResponse><Error><Code>{}</Code><Message>no</Message></Error></ErrorResponse>"
            for code, kind in {
                "InvalidClientTokenId": CheckDenied,
                "Throttling": CheckUnreachable,
                "X": CheckFailed,
            }.items():
                api.answer = lambda *_, code=code: (400, error.format(code).encode())
                with pytest.raises(kind, match=code):
                    AwsCredentials().check(10)

    def test_none_at_all_are_denied(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
        with pytest.raises(CheckDenied, match="No credentials"):
            AwsCredentials().check(10)
        with pytest.raises(CheckDenied, match="lab"):
            AwsCredentials(profile_name="lab").check(10)

    def test_another_store_is_not_asked(self, nobody_there: str) -> None:
        parameters = AwsClientParameters(endpoint_url=nobody_there)
        keys = {"aws_access_key_id": "id", "aws_secret_access_key": "unchecked"}
        credentials = AwsCredentials(**keys, aws_client_parameters=parameters)  # type: ignore[arg-type]
        assert credentials.check(10) == f"has credentials for {nobody_there}"
        with pytest.raises(CheckDenied):
            AwsCredentials(aws_client_parameters=parameters).check(10)
