"""Blocks over the session's servers, and no AWS files of whoever runs the tests."""

from __future__ import annotations

import socket
from pathlib import Path

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
def bucket(rclone: S3Server) -> S3Bucket:
    """A new bucket in the server that checks signatures."""
    return S3Bucket(bucket_name=rclone.bucket(), credentials=credentials_for(rclone))


@pytest.fixture
def nobody_there() -> str:
    """An address where nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"
