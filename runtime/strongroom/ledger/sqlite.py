"""The ledger in one SQLite file, or in memory."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

from strongroom.databases.kind import statements
from strongroom.databases.sqlite_file import SqliteFile
from strongroom.errors import LedgerUnavailable
from strongroom.ledger.formats import ledger_kind
from strongroom.ledger.ledger import Changes, Row

BUSY_SECONDS = 20.0


class SqliteLedger:
    """See :class:`~strongroom.ledger.ledger.Ledger`. The file is made when it is first used, for its owner alone."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path).expanduser()
        self.url = f"sqlite:///{self.path}"
        self.changes = Changes()
        self._file = SqliteFile(self.path, ledger_kind(), busy_seconds=BUSY_SECONDS)

    @contextmanager
    def changing(self) -> Iterator[SqliteSession]:
        with _in_words(self._file), self._file.transaction() as connection:
            session = SqliteSession(connection)
            yield session
        if session.has_changed:
            self.changes.tell()

    @contextmanager
    def reading(self) -> Iterator[SqliteSession]:
        if not self.path.exists():  # nothing is made for somebody who looks
            with MemoryLedger().changing() as session:
                yield session
            return
        with _in_words(self._file), self._file.view() as connection:
            yield SqliteSession(connection)

    def close(self) -> None:
        self._file.close()


class MemoryLedger:
    """A ledger that ends with the process."""

    url = "memory:"

    def __init__(self) -> None:
        self.changes = Changes()
        self._lock = threading.RLock()
        self._connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        for script in ledger_kind().migrations:
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


@contextmanager
def _in_words(file: SqliteFile) -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        raise file.explained(error) from None
    except OSError as error:
        raise LedgerUnavailable(
            f"The ledger {file.path} cannot be used now: {error.strerror or error}.",
            "Look at the disk's space and the folder's rights, or set STRONGROOM_LEDGER.",
        ) from None
