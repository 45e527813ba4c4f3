"""Blocks over the session's servers, and no AWS files of whoever runs the tests."""

from __future__ import annotations

import socket
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from servers.blocks import credentials_for
from servers.s3 import S3Server
from strongroom_aws import S3Bucket


@pytest.fixture(autouse=True)
def no_aws_of_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder where a test may put AWS files of its own."""
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "aws-credentials"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "aws-config"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    return tmp_path


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The SDK tries again without waiting in between."""
    monkeypatch.setattr("botocore.endpoint.time", SimpleNamespace(sleep=lambda _seconds: None))


@pytest.fixture
def aws(moto: S3Server, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Any]:
    """Makes clients for the arrangements: ``aws("kms")``. What is tested finds the same server in its environment."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", moto.endpoint_url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", moto.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", moto.secret_key)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    return partial(_client, moto)


@cache
def _client(server: S3Server, service: str) -> Any:
    import boto3

    return boto3.client(
        service,
        endpoint_url=server.endpoint_url,
        aws_access_key_id=server.access_key,
        aws_secret_access_key=server.secret_key,
        region_name="eu-central-1",
    )


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
