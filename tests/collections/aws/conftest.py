"""Blocks over the session's servers, and no AWS files of whoever runs the tests."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest
from servers.s3 import S3Server
from strongroom_aws import AwsClientParameters, AwsCredentials, S3Bucket

ONE_ATTEMPT = {"retries": {"total_max_attempts": 1}}


@pytest.fixture(autouse=True)
def no_aws_of_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder where a test may put AWS files of its own."""
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "aws-credentials"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "aws-config"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    return tmp_path


def credentials_for(server: S3Server, **fields: Any) -> AwsCredentials:
    """Static credentials that the server accepts."""
    return AwsCredentials(
        **{
            "aws_access_key_id": server.access_key,
            "aws_secret_access_key": server.secret_key,
            "region_name": "us-east-1",
            "aws_client_parameters": AwsClientParameters(endpoint_url=server.endpoint_url),
        }
        | fields
    )


def bucket_at(endpoint_url: str, *, secret: str = "unchecked", **fields: Any) -> S3Bucket:
    """A bucket of a server that checks nothing, asked once and no more."""
    credentials = AwsCredentials(
        aws_access_key_id="unchecked",
        aws_secret_access_key=secret,  # type: ignore[arg-type]
        region_name="us-east-1",
        aws_client_parameters=AwsClientParameters(endpoint_url=endpoint_url, config=ONE_ATTEMPT),  # type: ignore[arg-type]
    )
    return S3Bucket(bucket_name="bucket", credentials=credentials, **fields)


@pytest.fixture
def bucket(rclone: S3Server) -> S3Bucket:
    """A new bucket in the server that checks signatures."""
    return S3Bucket(bucket_name=rclone.bucket(), credentials=credentials_for(rclone))


@pytest.fixture
def nobody_there() -> str:
    """An address where nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"
