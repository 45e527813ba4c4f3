"""The ledger in a PostgreSQL database, for processes of several machines."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from strongroom.databases.kind import Kind
from strongroom.databases.postgres import PostgresDatabase
from strongroom.ledger.formats import ledger_kind
from strongroom.ledger.ledger import Changes, Row


class PostgresLedger:
    """See :class:`~strongroom.ledger.ledger.Ledger`.

    :param kind: which tables are in it; their columns of bytes are ``BYTEA``.
    """

    def __init__(self, url: str, kind: Kind | None = None) -> None:
        self.url = url
        self.changes = Changes()
        self._kind = kind or ledger_kind(blob="BYTEA")
        self._database = PostgresDatabase(url, self._kind)

    def __repr__(self) -> str:
        return f"PostgresLedger({self._database.text!r})"

    @contextmanager
    def changing(self) -> Iterator[PostgresSession]:
        with self._database.transaction() as connection:
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (self._kind.application_id,))
            session = PostgresSession(connection)
            yield session
        if session.has_changed:
            self.changes.tell()

    @contextmanager
    def reading(self) -> Iterator[PostgresSession]:
        with self._database.transaction() as connection:
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            yield PostgresSession(connection)

    def glance(self, sql: str, *values: Any) -> list[Row]:
        with self._database.glance() as connection:
            return PostgresSession(connection).execute(sql, *values)

    def version(self) -> object | None:
        return None

    def close(self) -> None:
        self._database.close()


class PostgresSession:
    """See :class:`~strongroom.ledger.ledger.Session`."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection
        self.has_changed = False

    def execute(self, sql: str, *values: Any) -> list[Row]:
        cursor = self._connection.execute(_translated(sql), values)
        if cursor.rowcount > 0 and sql.lstrip()[:6].upper() != "SELECT":
            self.has_changed = True
        return cursor.fetchall() if cursor.description else []

    def now(self) -> int:
        [(micros,)] = self.execute("SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT)")
        return int(micros)


@functools.lru_cache(maxsize=512)
def _translated(sql: str) -> bytes:
    """With psycopg's ``%s`` for ``?``. No statement of ours has a question mark in a text."""
    return sql.replace("%", "%%").replace("?", "%s").encode()
