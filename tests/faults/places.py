"""Where registries are made for the evidence: a file, a database of a server; each with its rows open to whoever
changes them."""

from __future__ import annotations

import hashlib
import secrets
import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

from strongroom_registry import Registry, open_registry
from strongroom_registry.keys.material import new_key_text

TABLES = ("store", "workspaces", "workspace_keys", "heads", "versions", "trie", "audit", "uses")
"""The tables that can hold something of a registry; which of them there are is asked of the store."""

TABLES_FIRST = "-c search_path=strongroom,public"
"""Has a table's bare name mean that of the registry, as in SQLite."""


class Place(Protocol):
    """Where one registry lies."""

    name: str
    url: str
    key: str
    options: dict[str, Any]
    """What a registry is opened with beside these."""

    def sql(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """Run a statement past the registry, ``?`` standing for values, and commit."""

    def sql_many(self, statement: str, rows: Sequence[Sequence[Any]]) -> None:
        """Run a statement with each of these rows of values, in one transaction."""

    def files(self) -> Sequence[Path]:
        """The files in which the store keeps its rows now."""

    def settle(self) -> None:
        """Wait until the store is done with what a process that is gone has asked of it."""

    def keep(self) -> None:
        """Remember all that the store holds, for :meth:`put_back`. No registry may be open."""

    def put_back(self) -> None:
        """Make the store what it was when it was kept. No registry may be open."""


def opened(place: Place, **options: Any) -> Registry:
    """The registry at a place."""
    return open_registry(**{"url": place.url, "key": place.key, "actor": "evidence", **place.options, **options})


def tables_of(place: Place) -> list[str]:
    """The tables of a registry that are there, in the order of :data:`TABLES`."""
    return [table for table in TABLES if table in _columns(place)]


def rows_of(place: Place, table: str) -> list[tuple[Any, ...]]:
    """All rows of a table, in an order that does not depend on where they lie."""
    columns = ", ".join(f'"{column}"' for column in _columns(place)[table])
    return sorted((_plain(row) for row in place.sql(f"SELECT {columns} FROM {table}")), key=repr)


def digest_of(place: Place) -> str:
    """A hash over everything that the store holds."""
    content = hashlib.sha256()
    for table in tables_of(place):
        content.update(repr((table, rows_of(place, table))).encode())
    if isinstance(place, SqlitePlace):
        content.update(place.path.read_bytes())
    return content.hexdigest()


def columns_of(place: Place, table: str) -> list[str]:
    return _columns(place)[table]


def _plain(row: Sequence[Any]) -> tuple[Any, ...]:
    return tuple(bytes(value) if isinstance(value, memoryview) else value for value in row)


def _columns(place: Place) -> dict[str, list[str]]:
    if place.name == "SQLite":
        statement = "SELECT m.name, c.name FROM sqlite_master m, pragma_table_info(m.name) c WHERE m.type = 'table'"
    else:
        statement = (
            "SELECT table_name, column_name FROM information_schema.columns "
            "WHERE table_schema = current_schema() ORDER BY table_name, ordinal_position"
        )
    found: dict[str, list[str]] = {}
    for table, column in place.sql(statement):
        found.setdefault(table, []).append(column)
    return found


def key_file(folder: Path) -> str:
    """The URI of a new key in a folder."""
    path = folder / f"{secrets.token_hex(4)}.key"
    path.write_text(new_key_text())
    path.chmod(0o600)
    return f"file:{path}"


class SqlitePlace:
    """A file in a folder of its own."""

    name = "SQLite"

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / "data" / "registry.db"
        self.url = f"sqlite:///{self.path}"
        self.key = key_file(folder)
        self.options: dict[str, Any] = {}
        self._kept = folder / "kept"

    def sql(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.path, isolation_level=None)) as connection:
            return connection.execute(statement, values).fetchall()

    def sql_many(self, statement: str, rows: Sequence[Sequence[Any]]) -> None:
        with closing(sqlite3.connect(self.path)) as connection, connection:
            connection.executemany(statement, rows)

    def files(self) -> Sequence[Path]:
        return sorted(self.path.parent.iterdir())

    def settle(self) -> None:
        """Nothing to wait for: a process takes its transaction along."""

    def keep(self) -> None:
        shutil.rmtree(self._kept, ignore_errors=True)
        shutil.copytree(self.path.parent, self._kept)

    def put_back(self) -> None:
        shutil.rmtree(self.path.parent)
        shutil.copytree(self._kept, self.path.parent)


@dataclass(frozen=True, slots=True)
class PostgresLogin:
    """A server's superuser."""

    host: str
    port: int
    user: str
    password: str

    def url(self, database: str) -> str:
        return f"postgresql://{quote(self.user)}:{quote(self.password)}@{self.host}:{self.port}/{database}"

    def run(self, statement: str, *values: Any, database: str = "postgres") -> list[tuple[Any, ...]]:
        import psycopg

        with psycopg.connect(self.url(database), autocommit=True, options=TABLES_FIRST) as connection:
            cursor = connection.execute(statement, values or None)  # type: ignore[call-overload]
            return cursor.fetchall() if cursor.description else []


class PostgresPlace:
    """A database of its own on a server."""

    name = "PostgreSQL"

    def __init__(self, login: PostgresLogin, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.login = login
        self.database = f"e_{secrets.token_hex(8)}"
        self.url = login.url(self.database)
        self.key = key_file(folder)
        self.options: dict[str, Any] = {}
        self._kept = f"{self.database}_kept"
        self._connected: Any = None
        login.run(f"CREATE DATABASE {self.database}")

    def sql(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        cursor = self._connection().execute(statement.replace("?", "%s"), values or None)
        return cursor.fetchall() if cursor.description else []

    def sql_many(self, statement: str, rows: Sequence[Sequence[Any]]) -> None:
        with self._connection().transaction(), self._connection().cursor() as cursor:
            cursor.executemany(statement.replace("?", "%s"), rows)

    def files(self) -> Sequence[Path]:
        """Those of the tables; the server's write-ahead log is :meth:`log_files`."""
        [(oid,)] = self.sql("SELECT oid FROM pg_database WHERE datname = current_database()")
        self.login.run("CHECKPOINT")
        return self._files(f"base/{oid}")

    def log_files(self) -> Sequence[Path]:
        return self._files("pg_wal")

    def settle(self) -> None:
        others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        while self.sql(others) != [(0,)]:
            pass

    def keep(self) -> None:
        self._let_go()
        self.login.run(f"DROP DATABASE IF EXISTS {self._kept} WITH (FORCE)")
        self._copy(self.database, self._kept)

    def put_back(self) -> None:
        self._let_go()
        self.login.run(f"DROP DATABASE {self.database} WITH (FORCE)")
        self._copy(self._kept, self.database)

    def remove(self) -> None:
        self._let_go()
        for database in (self.database, self._kept):
            self.login.run(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")

    def _connection(self) -> Any:
        import psycopg

        if self._connected is None:
            self._connected = psycopg.connect(self.url, autocommit=True, options=TABLES_FIRST)
        return self._connected

    def _let_go(self) -> None:
        if self._connected is not None:
            self._connected.close()
            self._connected = None

    def _files(self, below: str) -> Sequence[Path]:
        [(folder,)] = self.login.run("SHOW data_directory")
        return sorted(path for path in (Path(folder) / below).rglob("*") if path.is_file())

    def _copy(self, source: str, target: str) -> None:
        self.login.run(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()",
            source,
        )
        self.login.run(f"CREATE DATABASE {target} TEMPLATE {source}")


@dataclass(frozen=True, slots=True)
class Places:
    """The stores that registries can be made in.

    :param names: which; ``PostgreSQL`` needs a server.
    """

    names: Sequence[str] = ("SQLite",)
    postgres: PostgresLogin | None = None

    @contextmanager
    def make(self, name: str, folder: Path) -> Iterator[Any]:
        """A new place of a store, empty; removed when the block ends."""
        if name == "SQLite":
            yield SqlitePlace(folder)
            return
        assert self.postgres is not None
        place = PostgresPlace(self.postgres, folder)
        try:
            yield place
        finally:
            place.remove()
