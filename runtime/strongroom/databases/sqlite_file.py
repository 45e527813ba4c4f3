"""One SQLite file of the runtime: made private, checked before it is used, opened anew where it was replaced."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

from strongroom.databases.kind import Kind, statements

T = TypeVar("T")

BUSY_SECONDS = 2.0

_abandoned: list[sqlite3.Connection] = []


class SqliteFile:
    """One file, one connection that writes, and a connection for each reading.

    :param busy_seconds: how long to wait for another process that writes; ``BUSY_SECONDS`` where it is not given.
    """

    def __init__(self, path: Path, kind: Kind, *, busy_seconds: float | None = None) -> None:
        self.path = path
        self._kind = kind
        self._busy_seconds = busy_seconds
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None
        self._inode: tuple[int, int] | None = None
        self._glancing = threading.Lock()
        self._glance: tuple[sqlite3.Connection, tuple[int, int] | None] | None = None
        self._glances = 0  # how many connections were opened for it: the versions of two cannot be compared
        self._pid = os.getpid()

    def write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Do ``work`` in one transaction, on a file that is made where there is none.

        Raises the kind's ``foreign`` and ``newer`` errors, OSError and sqlite3.Error; then nothing was written.
        """
        with self.transaction() as connection:
            return work(connection)

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """One transaction that nobody else writes beside; an exception rolls it back. Raises what ``write`` raises."""
        self._leave_to_parent()
        with self._lock:
            connection = self._opened()
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):
                    connection.execute("ROLLBACK")
                raise

    def read(self, work: Callable[[sqlite3.Connection], T], absent: T) -> T:
        """Do ``work`` on what the file holds now; ``absent`` where there is no file yet.

        Raises the kind's ``foreign``, ``newer`` and ``unavailable`` errors.
        """
        if not self.path.exists():
            return absent
        try:
            with self._for_reading() as connection:
                made = self._format_of(connection)
                if made == self._kind.format:
                    return work(connection)
            if not made:
                return absent
            with self.view() as connection:
                return work(connection)
        except sqlite3.Error as error:
            raise self.explained(error) from None

    @contextmanager
    def view(self) -> Iterator[sqlite3.Connection]:
        """A connection of its own to a file that is there, in the newest format. Raises likewise, and sqlite3.Error."""
        with self._for_reading() as connection:
            made = self._format_of(connection)
            if made == self._kind.format:
                connection.execute("BEGIN")
                yield connection
                return
        with self._lock:
            self._opened()
        with self._for_reading() as connection:
            yield connection

    @contextmanager
    def glance(self) -> Iterator[sqlite3.Connection]:
        """A connection that stays open, for one SELECT; to a file that is there. Raises what ``view`` raises."""
        self._leave_to_parent()
        with self._glancing:
            inode = _inode(self.path)
            if self._glance is not None and self._glance[1] != inode:
                self._glance[0].close()
                self._glance = None
            if self._glance is None:
                with self.view():
                    pass
                self._glance = self._connected(), inode
                self._glances += 1
            yield self._glance[0]

    def version(self) -> tuple[int, int]:
        """What is another one after each change by anybody, to a file that is there. Raises what ``view`` raises."""
        with self.glance() as connection:
            return self._glances, connection.execute("PRAGMA data_version").fetchone()[0]

    def close(self) -> None:
        """Let go of the connections; what comes next opens others."""
        self._leave_to_parent()
        with self._lock:
            connection, self._connection = self._connection, None
            if connection is not None:
                connection.close()
        with self._glancing:
            glance, self._glance = self._glance, None
            if glance is not None:
                glance[0].close()

    def explained(self, error: sqlite3.Error) -> Exception:
        """What an error of SQLite means for the reader."""
        kind = self._kind
        if isinstance(error, sqlite3.OperationalError):
            return kind.unavailable(
                f"The {kind.name} {self.path} cannot be used now: {error}.",
                "Look at the disk's space and the file's rights, and whether another process holds it.",
            )
        return kind.foreign(
            f"{self.path} is no {kind.name}, or is damaged: {error}.",
            f"Move the file away, and a new one is begun; or set {kind.variable} to another file.",
        )

    def _for_reading(self) -> closing[sqlite3.Connection]:
        return closing(self._connected())

    def _connected(self) -> sqlite3.Connection:
        uri = f"file:{quote(str(self.path.absolute()))}?mode=ro"
        patience = self._patience()
        return sqlite3.connect(uri, uri=True, timeout=patience, isolation_level=None, check_same_thread=False)

    def _patience(self) -> float:
        return BUSY_SECONDS if self._busy_seconds is None else self._busy_seconds

    def _opened(self) -> sqlite3.Connection:
        if self._connection is not None and self._inode == _inode(self.path):
            return self._connection
        self.close()
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with suppress(FileExistsError):
            os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        connection = sqlite3.connect(self.path, timeout=self._patience(), isolation_level=None, check_same_thread=False)
        try:
            self._prepare(connection)
        except sqlite3.DatabaseError as error:
            connection.close()
            raise self.explained(error) from None
        except BaseException:
            connection.close()
            raise
        self._connection, self._inode = connection, _inode(self.path)
        return connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        made = self._format_of(connection)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {'FULL' if self._kind.is_durable else 'NORMAL'}")
        connection.execute("PRAGMA journal_size_limit = 67108864")
        if made == self._kind.format:
            return
        connection.execute("BEGIN IMMEDIATE")
        try:
            for script in self._kind.migrations[self._format_of(connection) :]:  # another process may have been faster
                for statement in statements(script):
                    connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {self._kind.application_id}")
            connection.execute(f"PRAGMA user_version = {self._kind.format}")
            connection.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
            raise

    def _format_of(self, connection: sqlite3.Connection) -> int:
        """The format of the file, 0 of an empty one. Raises for anything that is not of this kind."""
        kind = self._kind
        application = connection.execute("PRAGMA application_id").fetchone()[0]
        version: int = connection.execute("PRAGMA user_version").fetchone()[0]
        if application == kind.application_id and version > kind.format:
            raise kind.newer(f"{self.path} was written by a newer version of Strongroom.", "Upgrade strongroom.")
        if application == kind.application_id and version > 0:
            return version
        tables = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
        if application == 0 and version == 0 and not tables:
            return 0
        raise kind.foreign(
            f"{self.path} is a database, but no {kind.name} of Strongroom.",
            f"Set {kind.variable} to another file, or STRONGROOM_HOME to another folder.",
        )

    def _leave_to_parent(self) -> None:
        """In a forked child: use nothing of the parent's connection, not even to close it."""
        if self._pid == os.getpid():
            return
        if self._connection is not None:
            _abandoned.append(self._connection)
        if self._glance is not None:
            _abandoned.append(self._glance[0])
        self._connection, self._lock, self._pid = None, threading.RLock(), os.getpid()
        self._glance, self._glancing = None, threading.Lock()


def _inode(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
