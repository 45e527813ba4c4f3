"""The rest of AWS (STS above all): moto's server in a thread. It checks neither signatures nor rights."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest

from servers.s3 import S3Server


@pytest.fixture(scope="session")
def moto() -> Iterator[S3Server]:
    """The session's AWS; every service answers under one address."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield S3Server(f"http://{host}:{port}", f"TEST{secrets.token_hex(8)}".upper(), secrets.token_hex(20))
    server.stop()
