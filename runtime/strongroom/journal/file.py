"""The SQLite file of run history: made private, checked before it is used, opened anew where it was replaced."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing, suppress
from importlib.resources import files
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

from strongroom.errors import JournalForeign, JournalNewer, JournalUnavailable

T = TypeVar("T")

APPLICATION_ID = 0x5352_4A4C  # "SRJL"
FORMAT = 1
BUSY_SECONDS = 2.0

_abandoned: list[sqlite3.Connection] = []


class JournalFile:
    """One file, one connection that writes, and a connection for each reading."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None
        self._inode: tuple[int, int] | None = None
        self._pid = os.getpid()

    def write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Do ``work`` in one transaction, on a file that is made where there is none.

        Raises JournalForeign, JournalNewer, OSError and sqlite3.Error; then nothing was written.
        """
        self._leave_to_parent()
        with self._lock:
            connection = self._opened()
            connection.execute("BEGIN IMMEDIATE")
            try:
                answer = work(connection)
                connection.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):
                    connection.execute("ROLLBACK")
                raise
            return answer

    def read(self, work: Callable[[sqlite3.Connection], T], absent: T) -> T:
        """Do ``work`` on what the file holds now; ``absent`` where there is no file yet.

        Raises JournalForeign, JournalNewer and JournalUnavailable.
        """
        if not self.path.exists():
            return absent
        try:
            uri = f"file:{quote(str(self.path.absolute()))}?mode=ro"
            with closing(sqlite3.connect(uri, uri=True, timeout=BUSY_SECONDS)) as connection:
                return work(connection) if _is_made(connection, self.path) else absent
        except sqlite3.Error as error:
            raise _explained(error, self.path) from None

    def close(self) -> None:
        """Let go of the connection; the next writing opens another."""
        self._leave_to_parent()
        with self._lock:
            connection, self._connection = self._connection, None
            if connection is not None:
                connection.close()

    def _opened(self) -> sqlite3.Connection:
        if self._connection is not None and self._inode == _inode(self.path):
            return self._connection
        self.close()
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with suppress(FileExistsError):
            os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        connection = sqlite3.connect(self.path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        try:
            _prepare(connection, self.path)
        except sqlite3.DatabaseError as error:
            connection.close()
            raise _explained(error, self.path) from None
        except BaseException:
            connection.close()
            raise
        self._connection, self._inode = connection, _inode(self.path)
        return connection

    def _leave_to_parent(self) -> None:
        """In a forked child: use nothing of the parent's connection, not even to close it."""
        if self._pid == os.getpid():
            return
        if self._connection is not None:
            _abandoned.append(self._connection)
        self._connection, self._lock, self._pid = None, threading.RLock(), os.getpid()


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    made = _is_made(connection, path)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA journal_size_limit = 67108864")
    if made:
        return
    connection.execute("BEGIN IMMEDIATE")
    if not _is_made(connection, path):  # another process may have been faster
        for statement in files("strongroom.journal").joinpath("schema.sql").read_text("utf-8").split(";\n"):
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {FORMAT}")
    connection.execute("COMMIT")


def _is_made(connection: sqlite3.Connection, path: Path) -> bool:
    """Whether the file is a journal; False for an empty file. Raises for anything else."""
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if application == APPLICATION_ID and version == FORMAT:
        return True
    if application == APPLICATION_ID and version > FORMAT:
        raise JournalNewer(f"{path} was written by a newer version of Strongroom.", "Upgrade strongroom.")
    if application == 0 and version == 0 and not connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]:
        return False
    raise JournalForeign(
        f"{path} is a database, but no run history of Strongroom.",
        "Set STRONGROOM_JOURNAL to another file, or STRONGROOM_HOME to another folder.",
    )


def _explained(error: sqlite3.Error, path: Path) -> Exception:
    """What an error of SQLite means for the reader."""
    if isinstance(error, sqlite3.OperationalError):
        return JournalUnavailable(
            f"The run history {path} cannot be used now: {error}.",
            "Look at the disk's space and the file's rights, and whether another process holds it.",
        )
    return JournalForeign(
        f"{path} is no run history, or is damaged: {error}.",
        "Move the file away, and a new one is begun; or set STRONGROOM_JOURNAL to another file.",
    )


def _inode(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
