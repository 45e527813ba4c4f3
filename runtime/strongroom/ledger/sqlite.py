"""The ledger in one SQLite file, or in memory."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

from strongroom.databases.kind import Kind, statements
from strongroom.databases.sqlite_file import SqliteFile
from strongroom.ledger.formats import ledger_kind
from strongroom.ledger.ledger import Changes, Row

BUSY_SECONDS = 20.0


class SqliteLedger:
    """See :class:`~strongroom.ledger.ledger.Ledger`. The file is made when it is first used, for its owner alone.

    :param kind: which tables are in it.
    """

    def __init__(self, path: str | Path, kind: Kind | None = None) -> None:
        self.path = Path(path).expanduser()
        self.url = f"sqlite:///{self.path}"
        self.changes = Changes()
        self._kind = kind or ledger_kind()
        self._file = SqliteFile(self.path, self._kind, busy_seconds=BUSY_SECONDS)

    @contextmanager
    def changing(self) -> Iterator[SqliteSession]:
        with self._in_words(), self._file.transaction() as connection:
            session = SqliteSession(connection)
            yield session
        if session.has_changed:
            self.changes.tell()

    @contextmanager
    def reading(self) -> Iterator[SqliteSession]:
        if not self.path.exists():  # nothing is made for somebody who looks
            with MemoryLedger(self._kind).changing() as session:
                yield session
            return
        with self._in_words(), self._file.view() as connection:
            yield SqliteSession(connection)

    def glance(self, sql: str, *values: Any) -> list[Row]:
        if not self.path.exists():
            return MemoryLedger(self._kind).glance(sql, *values)
        with self._in_words(), self._file.glance() as connection:
            return SqliteSession(connection).execute(sql, *values)

    def version(self) -> object | None:
        if not self.path.exists():
            return None
        with self._in_words():
            return self._file.version()

    def close(self) -> None:
        self._file.close()

    @contextmanager
    def _in_words(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.DatabaseError as error:
            if type(error) not in (sqlite3.OperationalError, sqlite3.DatabaseError):  # about a statement, not the file
                raise
            raise self._file.explained(error) from None
        except OSError as error:
            raise self._kind.unavailable(
                f"The {self._kind.name} {self.path} cannot be used now: {error.strerror or error}.",
                f"Look at the disk's space and the folder's rights, or set {self._kind.variable}.",
            ) from None


class MemoryLedger:
    """A ledger that ends with the process."""

    url = "memory:"

    def __init__(self, kind: Kind | None = None) -> None:
        self.changes = Changes()
        self._lock = threading.RLock()
        self._connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        for script in (kind or ledger_kind()).migrations:
            for statement in statements(script):
                self._connection.execute(statement)

    @contextmanager
    def changing(self) -> Iterator[SqliteSession]:
        with self._lock:
            session = SqliteSession(self._connection)
            self._connection.execute("BEGIN")
            try:
                yield session
                self._connection.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):
                    self._connection.execute("ROLLBACK")
                raise
        if session.has_changed:
            self.changes.tell()

    def reading(self) -> Any:
        return self.changing()

    def glance(self, sql: str, *values: Any) -> list[Row]:
        with self._lock:
            return SqliteSession(self._connection).execute(sql, *values)

    def version(self) -> object | None:
        return self._connection.total_changes

    def close(self) -> None:
        """What it holds stays as long as the object does."""


class SqliteSession:
    """See :class:`~strongroom.ledger.ledger.Session`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._before = connection.total_changes

    def execute(self, sql: str, *values: Any) -> list[Row]:
        with closing(self._connection.execute(sql, values)) as cursor:
            return cursor.fetchall()

    def now(self) -> int:
        return time.time_ns() // 1000

    @property
    def has_changed(self) -> bool:
        """Whether anything was written."""
        return self._connection.total_changes != self._before
