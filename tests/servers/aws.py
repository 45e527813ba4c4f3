"""The rest of AWS (STS above all): moto's server in a thread. It checks neither signatures nor rights."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Iterator

import pytest

from servers.rclone import S3Server


@pytest.fixture(scope="session")
def moto() -> Iterator[S3Server]:
    """The session's AWS; every service answers under one address."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield S3Server(f"http://{host}:{port}", f"TEST{secrets.token_hex(8)}".upper(), secrets.token_hex(20))
    server.stop()


@pytest.fixture
def moto_bucket(moto: S3Server) -> str:
    """The name of a new bucket in moto."""
    import boto3

    name = f"bucket-{uuid.uuid4().hex[:12]}"
    client = boto3.client(
        "s3",
        endpoint_url=moto.endpoint_url,
        aws_access_key_id=moto.access_key,
        aws_secret_access_key=moto.secret_key,
        region_name="us-east-1",
    )
    client.create_bucket(Bucket=name)
    return name
