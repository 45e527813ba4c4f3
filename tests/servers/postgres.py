"""PostgreSQL for the tests: one server for all processes of a run; for each test a database and a role of its own."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote

import pytest
from absent import absent

from servers.postgres_server import Address, PostgresServer, binaries, new_folder

_KEEPER = Path(__file__).with_name("postgres_server.py")


@dataclass(frozen=True, slots=True)
class PostgresDatabase:
    """An empty database, owned by a role that may do nothing elsewhere."""

    server: Address
    name: str
    user: str
    password: str

    @property
    def url(self) -> str:
        """The database as its owner reaches it, password included."""
        return self.url_for(self.user, self.password)

    def url_for(self, user: str, password: str) -> str:
        host = f"{self.server.host}:{self.server.port}"
        return f"postgresql://{quote(user)}:{quote(password)}@{host}/{self.name}"

    def connect(self, **options: Any) -> Any:
        """A bare connection of the owner, which commits at once."""
        import psycopg

        return psycopg.connect(self.url, autocommit=True, **options)

    def administer(self, statement: str) -> list[tuple[Any, ...]]:
        """Run a statement in this database as the superuser."""
        with _superuser(self.server, self.name) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def break_off(self) -> int:
        """End the connections that others have to this database; how many."""
        ended = self.administer(
            "select pg_terminate_backend(pid, 10000) from pg_stat_activity where pid <> pg_backend_pid() "
            "and datname = current_database() and backend_type = 'client backend'"
        )
        return len(ended)


def _superuser(server: Address, database: str) -> Any:
    import psycopg

    place = {"host": server.host, "port": str(server.port), "dbname": database}
    return psycopg.connect(user=server.user, password=server.password, autocommit=True, **place)  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Address]:
    """The run's PostgreSQL server, on 127.0.0.1."""
    if binaries() is None:
        absent("There is no PostgreSQL server: run `uv sync`, or install the package `postgresql`.")
    base = tmp_path_factory.getbasetemp()
    with _shared_server(base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) as address:
        yield address


@contextmanager
def _shared_server(place: Path) -> Iterator[Address]:
    """The server that ``place`` names; the first to come starts it, its keeper ends it when the last is gone."""
    with (place / "postgres.lock").open("w") as door:
        fcntl.flock(door, fcntl.LOCK_EX)
        users = _joined(place / "postgres")
    with users:
        yield Address(**json.loads(Path(users.name).with_name("address.json").read_text()))


def _joined(link: Path) -> IO[str]:
    """The lock that keeps the server alive; where there is no server, or one that is just ending, a new one's."""
    if link.is_symlink():
        try:
            users = (link.resolve() / "users").open()
            fcntl.flock(users, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return users
        except OSError:
            link.unlink()
    folder = new_folder()
    users = (folder / "users").open("w+")
    fcntl.flock(users, fcntl.LOCK_SH)
    command = [sys.executable, str(_KEEPER), "keep", str(folder)]
    keeper = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, start_new_session=True)
    assert keeper.stdout is not None
    assert keeper.stdout.readline() == b"ready\n", "PostgreSQL did not start"
    keeper.stdout.close()
    keeper.returncode = 0  # it is left alone on purpose
    link.symlink_to(folder)
    return users


@pytest.fixture(scope="session")
def _postgres_administrator(postgres_server: Address) -> Iterator[Any]:
    with _superuser(postgres_server, "postgres") as connection:
        yield connection


@pytest.fixture
def postgres(
    postgres_server: Address, _postgres_administrator: Any, monkeypatch: pytest.MonkeyPatch
) -> Iterator[PostgresDatabase]:
    """A new, empty database and the role that owns it. Who does not ask for TLS does without."""
    monkeypatch.setenv("PGSSLMODE", "disable")
    with _new_database(postgres_server, _postgres_administrator) as database:
        yield database


@pytest.fixture(scope="module")
def lasting_postgres(postgres_server: Address, _postgres_administrator: Any) -> Iterator[PostgresDatabase]:
    """The same for all tests of a file, for a server that runs as long; it is to be told PGSSLMODE=disable."""
    with _new_database(postgres_server, _postgres_administrator) as database:
        yield database


@contextmanager
def _new_database(postgres_server: Address, administrator: Any) -> Iterator[PostgresDatabase]:
    name, password = f"t_{secrets.token_hex(8)}", secrets.token_urlsafe(18)
    administrator.execute(f"create role {name} login password '{password}'")
    administrator.execute(f"create database {name} owner {name}")
    yield PostgresDatabase(postgres_server, name, name, password)
    administrator.execute(f"drop database {name} with (force)")
    administrator.execute(f"drop role {name}")


@contextmanager
def own_server() -> Iterator[PostgresServer]:
    """A server that a test may stop and start, and nobody else uses."""
    server = PostgresServer()
    try:
        server.initialise()
        server.start()
        yield server
    finally:
        server.close()
