"""Snowflake for the tests: a fake one for all processes of a run; for each test a database and a user of its own.

The environment that it runs in is made once, below ``build/``.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import secrets
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pytest
from absent import absent

_HERE = Path(__file__).parent
_REQUIREMENTS = _HERE / "snowflake_fake" / "requirements.txt"
_BUILD = _HERE.parents[1] / "build" / "snowflake"
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True)
class FakeSnowflake:
    """The server."""

    port: int

    def tell(self, what: str, **said: Any) -> Any:
        """Say something to the fake that a client has no words for."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/shim/{what}", json.dumps(said).encode(), method="POST"
        )
        with _OPENER.open(request, timeout=30) as answer:
            return json.loads(answer.read())["data"]


@dataclass
class SnowflakeAccount:
    """A user with a password, and an empty database with the schema PUBLIC."""

    server: FakeSnowflake
    user: str
    password: str
    database: str

    @property
    def login(self) -> dict[str, Any]:
        """What credentials are made with, but for what proves who it is."""
        return {
            "account": "acme-test",
            "user": self.user,
            "host": "127.0.0.1",
            "port": self.server.port,
            "protocol": "http",
            "network_timeout": 20,
        }

    def change(self, **changed: Any) -> None:
        """Give the user another password, keys, tokens, roles, …"""
        self.server.tell("user", name=self.user, **changed)

    def fail(self, kind: str, *, where: str = "query", times: int = 1, matching: str = "", **more: Any) -> None:
        """Have the next requests fail: ``busy``, ``reset``, ``gone``, ``expired``, or ``refused`` with a code."""
        self.server.tell("fault", user=self.user, kind=kind, where=where, times=times, matching=matching, **more)

    def end_sessions(self) -> None:
        """Have the server forget all sessions."""
        self.server.tell("end-sessions", user=self.user)

    def queries(self, containing: str = "") -> list[dict[str, Any]]:
        """What the user has asked, in order."""
        found: list[dict[str, Any]] = self.server.tell("queries", user=self.user)
        return [query for query in found if containing in query["sql"]]

    def counts(self) -> dict[str, int]:
        """How often the user logged in, and how many of its sessions are open."""
        found: dict[str, int] = self.server.tell("users", user=self.user)
        return found


@pytest.fixture(scope="session")
def snowflake_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FakeSnowflake]:
    """The run's fake Snowflake, on 127.0.0.1."""
    python = environment()
    base = tmp_path_factory.getbasetemp()
    place = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    with (place / "snowflake.lock").open("w") as door:
        fcntl.flock(door, fcntl.LOCK_EX)
        users = joined(place / "snowflake", python)
    with users:
        yield FakeSnowflake(int(Path(users.name).with_name("port").read_text()))


@pytest.fixture
def snowflake(snowflake_server: FakeSnowflake) -> SnowflakeAccount:
    """A new user and a new database."""
    return new_account(snowflake_server)


def new_account(server: FakeSnowflake) -> SnowflakeAccount:
    """A new user and a new database."""
    import snowflake.connector

    name = f"T_{secrets.token_hex(6)}".upper()
    account = SnowflakeAccount(server, name, secrets.token_urlsafe(18), name)
    account.change(password=account.password)
    login = {**account.login, "password": account.password, "platform_detection_timeout_seconds": 0.0}
    with contextlib.closing(snowflake.connector.connect(**login)) as connection:
        connection.cursor().execute(f"create database {name}")
        connection.cursor().execute(f"create schema if not exists {name}.public")
    return account


def environment() -> Path:
    """The Python of the environment that the fake runs in, made where there is none yet."""
    wanted = hashlib.sha256(_REQUIREMENTS.read_bytes() + sys.version.encode()).hexdigest()[:12]
    _BUILD.mkdir(parents=True, exist_ok=True)
    folder = _BUILD / wanted
    with (_BUILD / "making.lock").open("w") as door:
        fcntl.flock(door, fcntl.LOCK_EX)
        if not (folder / "made").exists():
            shutil.rmtree(folder, ignore_errors=True)
            if problem := _make(folder):
                shutil.rmtree(folder, ignore_errors=True)
                absent(f"The environment of the fake Snowflake cannot be made: {problem}")
            (folder / "made").touch()
    return folder / "bin" / "python"


def _make(folder: Path) -> str:
    uv = shutil.which("uv")
    if uv:
        steps = [
            [uv, "venv", "--quiet", "--python", sys.executable, str(folder)],
            [uv, "pip", "install", "--quiet", "--python", str(folder / "bin/python"), "-r", str(_REQUIREMENTS)],
        ]
    else:
        steps = [
            [sys.executable, "-m", "venv", str(folder)],
            [str(folder / "bin/python"), "-m", "pip", "install", "--quiet", "-r", str(_REQUIREMENTS)],
        ]
    for step in steps:
        # Elsewhere, for uv would bring in what this project pins.
        done = subprocess.run(step, capture_output=True, text=True, timeout=600, cwd=folder.anchor)
        if done.returncode:
            return (done.stderr.strip().splitlines() or ["no reason was given"])[-1]
    return ""


def joined(link: Path, python: Path) -> IO[str]:
    """The lock that keeps the server alive; where there is no server, or one that is just ending, a new one's."""
    if link.exists():
        try:
            users = (Path(link.read_text()) / "users").open()
            fcntl.flock(users, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return users
        except OSError:
            link.unlink()
    folder = link.with_name(f"snowflake-{secrets.token_hex(4)}")
    folder.mkdir()
    users = (folder / "users").open("w+")
    fcntl.flock(users, fcntl.LOCK_SH)
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [str(python), str(_HERE / "snowflake_fake" / "shim.py"), str(folder / "users")],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            env={**os.environ, "TMPDIR": str(folder)},
            start_new_session=True,
        )
    assert process.stdout is not None
    port = process.stdout.readline().strip()
    process.stdout.close()
    process.returncode = 0  # it is left alone on purpose: it ends when nobody uses it any more
    assert port.isdigit(), "The fake Snowflake did not start:\n" + (folder / "log").read_text()
    (folder / "port").write_bytes(port)
    link.write_text(str(folder))
    return users
