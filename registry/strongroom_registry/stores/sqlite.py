"""A store in one SQLite file, the default: nothing to start, and every commit is on the disk when it returns."""

from __future__ import annotations

import fcntl
import os
import secrets
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NoReturn
from urllib.parse import quote
from weakref import WeakSet

from strongroom_registry.errors import StoreForeign, StoreProblem, StoreUnavailable
from strongroom_registry.keyring import WrappedKey
from strongroom_registry.private_output import make_private_folder
from strongroom_registry.stores import sqlite_format
from strongroom_registry.stores.store import (
    AuditRow,
    Backlog,
    Expected,
    HeadRow,
    LoadedRows,
    StoreBusy,
    Transaction,
    UseRow,
    VersionOutline,
    VersionRow,
    WorkspaceRow,
    WrapRow,
)

_BUSY_SECONDS = 30.0
_PRAGMAS = ("secure_delete = ON", "synchronous = FULL", "temp_store = MEMORY", "trusted_schema = OFF")
_LOG_PAGES = 4_000
"""When the log is written back, in pages of 4 KiB: a rotation changes many pages more than once."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


_SQL = sqlite_format.queries()
_LOAD, _STATE = _SQL["load"], _SQL["state"]


class _SqliteTransaction:
    """Both a view and a transaction, over a connection on which one has begun."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._execute = connection.execute
        self._executemany = connection.executemany

    def expect(self, expected: Expected) -> None:
        """Nothing to do: each question is answered at once."""

    def workspace(self, name: str) -> WorkspaceRow | None:
        row = self._execute(_SQL["workspace"], (name,)).fetchone()
        return row and WorkspaceRow._make(row)

    def workspaces(self) -> Sequence[WorkspaceRow]:
        return [WorkspaceRow._make(row) for row in self._execute(_SQL["workspaces"])]

    def keys(self, workspace: bytes) -> Sequence[WrappedKey]:
        rows = self._execute(_SQL["keys"], (workspace,))
        return [
            WrappedKey(epoch, provider, fingerprint, wrapped, canary, _moment(created))
            for epoch, provider, fingerprint, wrapped, canary, created in rows
        ]

    def head(self, workspace: bytes, name: str) -> HeadRow | None:
        row = self._execute(_SQL["head"], (workspace, name)).fetchone()
        return row and HeadRow._make(row)

    def heads(self, workspace: bytes) -> Iterator[HeadRow]:
        return (HeadRow(_text(name), *rest) for name, *rest in self._execute(_SQL["heads"], (workspace,)))

    def heads_by_path(self, workspace: bytes, *, after: str, limit: int, before_epoch: int) -> Sequence[HeadRow]:
        rows = self._execute(_SQL["heads_by_path"], (workspace, after, _epoch(before_epoch), limit))
        return [HeadRow(_text(name), *rest) for name, *rest in rows]

    def versions_before(
        self, workspace: bytes, epoch: int, *, after: tuple[str, int], limit: int
    ) -> Sequence[tuple[HeadRow, VersionOutline]]:
        rows = self._execute(_SQL["versions_before"], (workspace, *after, _epoch(epoch), limit))
        return [(HeadRow._make(row[:5]), VersionOutline._make(row[5:])) for row in rows]

    def backlog(self, workspace: bytes, epoch: int) -> Backlog:
        return Backlog._make(self._execute(_SQL["backlog"], (workspace, _epoch(epoch))).fetchone())

    def uses(self, workspace: bytes, used: str) -> Sequence[UseRow]:
        return [UseRow._make(row) for row in self._execute(_SQL["uses"], (workspace, used))]

    def all_uses(self, workspace: bytes) -> Iterator[UseRow]:
        return map(UseRow._make, self._execute(_SQL["all_uses"], (workspace,)))

    def search(self, workspace: bytes, text: bytes) -> Iterator[HeadRow]:
        return (HeadRow(_text(name), *rest) for name, *rest in self._execute(_SQL["search"], (workspace, text)))

    def version(self, document: bytes, number: int) -> VersionRow | None:
        row = self._execute(_SQL["version"], (document, number)).fetchone()
        return row and VersionRow._make(row)

    def outlines(self, wanted: Iterable[tuple[bytes, int]]) -> Iterator[VersionOutline | None]:
        query = _SQL["outline"]
        rows = (self._execute(query, document_and_number).fetchone() for document_and_number in wanted)
        return (row and VersionOutline._make(row) for row in rows)

    def versions(self, document: bytes) -> Iterator[VersionOutline]:
        return map(VersionOutline._make, self._execute(_SQL["versions"], (document,)))

    def nodes(self, workspace: bytes, paths: Iterable[str]) -> Iterator[bytes | None]:
        query = _SQL["node"]
        rows = (self._execute(query, (workspace, path)).fetchone() for path in paths)
        return (row and row[0] for row in rows)

    def audit(self, workspace: bytes, *, newest_first: bool = False) -> Iterator[AuditRow]:
        query = _SQL["audit_newest_first" if newest_first else "audit"]
        return map(AuditRow._make, self._execute(query, (workspace,)))

    def put_workspace(self, row: WorkspaceRow) -> None:
        self._execute(_SQL["put_workspace"], row)

    def put_key(self, workspace: bytes, key: WrappedKey) -> None:
        created = (key.created_at - _EPOCH) // _MICROSECOND
        columns = (workspace, key.epoch, key.provider, key.fingerprint, key.wrapped, key.canary, created)
        self._execute(_SQL["put_key"], columns)

    def remove_key(self, workspace: bytes, epoch: int, fingerprint: str) -> None:
        self._execute(_SQL["remove_key"], (workspace, epoch, fingerprint))

    def remove_workspace(self, workspace: bytes) -> None:
        self._execute(_SQL["remove_versions"], (workspace,))
        for table in ("uses", "audit", "trie", "heads", "workspace_keys"):
            self._execute(f"DELETE FROM {table} WHERE workspace = ?", (workspace,))  # noqa: S608
        self._execute("DELETE FROM workspaces WHERE id = ?", (workspace,))

    def put_heads(self, workspace: bytes, rows: Sequence[HeadRow]) -> None:
        changes = [(row.record, row.mac, workspace, row.name) for row in rows]
        if self._executemany(_SQL["change_head"], changes).rowcount < len(rows):
            self._executemany(_SQL["put_head"], [(workspace, *row) for row in rows])

    def put_version(self, document: bytes, row: VersionRow) -> None:
        self._execute(_SQL["put_version"], (document, *row))

    def put_wraps(self, rows: Sequence[WrapRow]) -> None:
        self._executemany(_SQL["put_wrap"], rows)

    def put_nodes(self, workspace: bytes, nodes: Mapping[str, bytes]) -> None:
        self._executemany(_SQL["put_node"], [(workspace, path, node) for path, node in nodes.items()])

    def put_uses(self, workspace: bytes, rows: Sequence[UseRow]) -> None:
        self._executemany(_SQL["put_use"], [(workspace, *row) for row in rows])

    def remove_uses(self, workspace: bytes, user: str, number: int) -> None:
        self._execute(_SQL["remove_uses"], (workspace, user, number))

    def renew(self, before: tuple[bytes, bytes], row: WorkspaceRow, entries: Sequence[AuditRow]) -> bool:
        if not self._execute(_SQL["renew_workspace"], (row.record, row.mac, row.id, *before)).rowcount:
            return False
        self.append_audit(row.id, entries)
        return True

    def append_audit(self, workspace: bytes, rows: Sequence[AuditRow]) -> None:
        self._executemany(_SQL["append_audit"], [(workspace, *row) for row in rows])


def _moment(microseconds: int) -> datetime:
    try:
        return _EPOCH + microseconds * _MICROSECOND
    except (OverflowError, TypeError, ValueError):  # a changed column; the key's canary will not fit what this gives
        return _EPOCH


def _epoch(number: int) -> bytes:
    """An epoch as records begin with it, to be compared with them; beyond all of them where it is none."""
    return number.to_bytes(4, "big") if number < 2**32 else b"\xff" * 5


def _text(value: object) -> str:
    """A name, or what stands in the place of one: a listing has to show that too."""
    return value if isinstance(value, str) else repr(value)


_INHERITED: list[sqlite3.Connection] = []
"""Connections of the parent process, kept unused: to close one would let go of locks that SQLite believes it holds."""


class _Connected:
    """One thread's connection, closed with the thread, unless the process that opened it is another one."""

    __slots__ = ("__weakref__", "connection", "pid")

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self.pid = os.getpid()

    def close(self) -> None:
        if self.pid == os.getpid():
            self.connection.close()
        else:
            _INHERITED.append(self.connection)

    def __del__(self) -> None:
        self.close()


class SqliteStore:
    """A :class:`~strongroom_registry.stores.store.Store` in one file, beside it SQLite's ``-wal`` and ``-shm``.

    Write-ahead log, ``synchronous=FULL``, ``secure_delete``; each thread has a connection of its own, and a forked
    process opens new ones. The file is made 0600, missing folders 0700. A file or folder that cannot be written to
    is read.

    :param path: where the file lies.
    :param create: make the file if there is none.
    :raises StoreForeign: the file is not a registry, or is corrupt.
    :raises StoreNewer: a newer version wrote it.
    :raises StoreUnavailable: there is none and ``create`` is false, or it cannot be opened.
    """

    is_ephemeral = False

    def __init__(self, path: str | os.PathLike[str], *, create: bool = True) -> None:
        self.path = Path(path).absolute()
        self._local = threading.local()
        self._open: WeakSet[_Connected] = WeakSet()
        self._lock = threading.Lock()
        self._writer = threading.Lock()
        self._closed = False
        self._store_id: bytes | None = None
        if not self.path.exists():
            if not create:
                raise StoreUnavailable(f"There is no registry at {self.path}.", "Make one with `strongroom init`.")
            self._create_file()
        self.read_only = not (os.access(self.path, os.W_OK) and os.access(self.path.parent, os.W_OK))
        self._recognise()

    @property
    def store_id(self) -> bytes | None:
        """16 random bytes that name this store for good; None before :meth:`initialise`."""
        return self._store_id

    def initialise(self, fill: Callable[[Transaction, bytes], None], *, store_id: bytes | None = None) -> None:
        with self._in_words(), _alone_in(self.path.parent):
            self._recognise()
            if self._store_id is not None:
                return
            self.path.chmod(0o600)
            connection = self._connection()
            if connection.execute("PRAGMA journal_mode = WAL").fetchone()[0] != "wal":
                raise StoreUnavailable(
                    f"The file system of {self.path} cannot hold a write-ahead log.", "Name a place on a local disk."
                )
            store_id = store_id or secrets.token_bytes(16)
            with _transaction(connection, "BEGIN IMMEDIATE") as transaction:
                sqlite_format.make(connection)
                connection.execute(_SQL["put_store_id"], (store_id,))
                fill(transaction, store_id)
            self._store_id = store_id

    def state(self, workspace: bytes) -> tuple[bytes, bytes] | None:
        try:
            row: tuple[bytes, bytes] | None = self._connection().execute(_STATE, (workspace,)).fetchone()
        except sqlite3.Error as exc:
            self._raise(exc)
        return row

    def load(self, workspace: bytes, name: str, number: int) -> LoadedRows | None:
        try:
            row = self._connection().execute(_LOAD, (workspace, name, number)).fetchone()
        except (sqlite3.Error, UnicodeDecodeError) as exc:
            self._raise(exc)
        return row and LoadedRows._make(row)

    def load_all(self, workspace: bytes, wanted: Sequence[tuple[str, int]]) -> dict[tuple[str, int], LoadedRows | None]:
        with self.reading():
            return {(name, number): self.load(workspace, name, number) for name, number in wanted}

    @contextmanager
    def reading(self) -> Iterator[_SqliteTransaction]:
        with self._in_words(), _transaction(self._connection(), "BEGIN") as view:
            yield view

    def glancing(self, expected: Expected) -> AbstractContextManager[_SqliteTransaction]:
        return self.reading()

    @contextmanager
    def writing(self) -> Iterator[_SqliteTransaction]:
        self._check_writable()
        with self._writer, self._in_words(), _transaction(self._connection(), "BEGIN IMMEDIATE") as transaction:
            yield transaction

    def renew(
        self, before: tuple[bytes, bytes], row: WorkspaceRow, entries: Sequence[AuditRow], *, wait: bool = True
    ) -> bool:
        self._check_writable()
        if not self._writer.acquire(blocking=wait):
            raise StoreBusy
        try:
            with self._in_words():
                connection = self._connection()
                if wait:
                    with _transaction(connection, "BEGIN IMMEDIATE") as transaction:
                        return transaction.renew(before, row, entries)
                with _at_once(connection) as transaction:
                    return transaction.renew(before, row, entries)
        finally:
            self._writer.release()

    def write_back(self) -> None:
        with self._in_words():
            self._connection().execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()

    def scrub(self) -> None:
        with self._in_words():
            busy, _, _ = self._connection().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if busy:
            raise StoreUnavailable(
                f"The log of {self.path} cannot be emptied while another process reads it.",
                "The change itself is done; repeat it when the other process is finished.",
            )

    def close(self) -> None:
        with self._lock:
            self._closed = True
            for connected in list(self._open):
                connected.close()

    def after_fork(self) -> None:
        self._local = threading.local()
        self._open = WeakSet()
        self._lock = threading.Lock()
        self._writer = threading.Lock()

    def _check_writable(self) -> None:
        if self.read_only:
            raise StoreUnavailable(f"{self.path} is read-only here.", "Make the file and its folder writable.")

    def _connection_in_words(self) -> sqlite3.Connection:
        with self._in_words():
            return self._connection()

    def _connection(self) -> sqlite3.Connection:
        try:
            connection: sqlite3.Connection = self._local.connected.connection
        except AttributeError:
            return self._connect()
        return connection

    def _connect(self) -> sqlite3.Connection:
        with self._lock:
            if self._closed:
                raise StoreUnavailable(f"The registry at {self.path} was closed.", "Open it again.")
            connected = _Connected(self._connect_read_only() if self.read_only else self._connect_in_mode("rw"))
            self._open.add(connected)
        self._local.connected = connected
        return connected.connection

    def _connect_read_only(self) -> sqlite3.Connection:
        """SQLite reads a file only where it can read or make the log beside it, or is told that there is none."""
        try:
            return self._connect_in_mode("ro")
        except sqlite3.OperationalError:
            if self.path.with_name(f"{self.path.name}-wal").exists():
                raise
            return self._connect_in_mode("ro&immutable=1")

    def _connect_in_mode(self, mode: str) -> sqlite3.Connection:
        connection = sqlite3.connect(
            f"file:{quote(str(self.path))}?mode={mode}",
            uri=True,
            timeout=_BUSY_SECONDS,
            isolation_level=None,
            check_same_thread=False,
        )
        connection.text_factory = _lenient_text
        try:
            for pragma in (*_PRAGMAS, f"wal_autocheckpoint = {_LOG_PAGES}"):
                connection.execute(f"PRAGMA {pragma}")
            connection.execute("PRAGMA user_version")  # the first to read the file
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    def _create_file(self) -> None:
        try:
            make_private_folder(self.path.parent)
            os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600))
        except FileExistsError:
            return  # somebody else is making the same one
        except OSError as exc:
            raise StoreUnavailable(
                f"The registry {self.path} cannot be made: {exc.strerror}.", "Name another place in STRONGROOM_HOME."
            ) from None

    def _recognise(self) -> None:
        """See whether the file is ours, before anything in it is changed; one of an older format is upgraded."""
        connection = self._connection_in_words()
        with self._in_words():
            with _transaction(connection, "BEGIN"):
                version = sqlite_format.recognise(connection, self.path)
                self._store_id = self._read_store_id(connection) if version else None
            if 0 < version < sqlite_format.FORMAT:
                self._upgrade(connection)

    def _read_store_id(self, connection: sqlite3.Connection) -> bytes:
        row = connection.execute(_SQL["store_id"]).fetchone()
        if row is None or not isinstance(row[0], bytes) or len(row[0]) != 16:
            raise StoreForeign(f"{self.path} has lost the id of its store.", "Restore it from a backup.")
        return row[0]

    def _upgrade(self, connection: sqlite3.Connection) -> None:
        if self.read_only:
            raise StoreUnavailable(
                f"{self.path} was written by an older version, and cannot be upgraded where it is read-only.",
                "Open it once where it may be written.",
            )
        connection.execute("PRAGMA legacy_alter_table = ON")  # what refers to a renamed table goes on doing so by name
        with _transaction(connection, "BEGIN IMMEDIATE"):
            sqlite_format.upgrade(connection, sqlite_format.recognise(connection, self.path))
        connection.execute("PRAGMA legacy_alter_table = OFF")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    @contextmanager
    def _in_words(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, UnicodeDecodeError) as exc:
            self._raise(exc)
        except OSError as exc:
            raise StoreUnavailable(f"{self.path}: {exc.strerror}.", _REMEDIES[sqlite3.SQLITE_IOERR]) from None

    def _raise(self, exc: sqlite3.Error | UnicodeDecodeError) -> NoReturn:
        raise _problem(exc, self.path) from None


@contextmanager
def _at_once(connection: sqlite3.Connection) -> Iterator[_SqliteTransaction]:
    """A transaction that writes and waits for nobody, and whose commit does not tidy the log up.

    :raises StoreBusy: somebody else writes.
    """
    connection.execute("PRAGMA wal_autocheckpoint = 0")
    try:
        _begin_at_once(connection)
        with _transaction(connection) as transaction:
            yield transaction
    finally:
        connection.execute(f"PRAGMA wal_autocheckpoint = {_LOG_PAGES}")


def _begin_at_once(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA busy_timeout = 0")
    try:
        connection.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError as exc:
        if exc.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
            raise
        raise StoreBusy from None
    finally:
        connection.execute(f"PRAGMA busy_timeout = {round(_BUSY_SECONDS * 1000)}")


@contextmanager
def _transaction(connection: sqlite3.Connection, begin: str = "") -> Iterator[_SqliteTransaction]:
    """A transaction; without ``begin`` the one that has begun."""
    try:
        if begin:
            connection.execute(begin)
        yield _SqliteTransaction(connection)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # SQLite itself rolls back after a full disk or an I/O error
            connection.execute("ROLLBACK")
        raise


def _lenient_text(data: bytes) -> str:
    """A name that somebody made unreadable is one that no record bears out, not one that nothing can be read for."""
    return data.decode(errors="replace")


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Two processes that make the same registry take turns. The folder is locked and not the file: to close a second
    descriptor of the file would release the locks that SQLite holds on it."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


_REMEDIES = {
    sqlite3.SQLITE_BUSY: "Another process keeps it locked: try again when it is finished.",
    sqlite3.SQLITE_LOCKED: "Another process keeps it locked: try again when it is finished.",
    sqlite3.SQLITE_FULL: "The disk is full: make room and try again. Nothing was changed.",
    sqlite3.SQLITE_READONLY: "Make the file and its folder writable.",
    sqlite3.SQLITE_CANTOPEN: "See whether the file and its folder exist and may be opened by this user.",
    sqlite3.SQLITE_IOERR: "See whether its disk is full, away or failing. Nothing was changed.",
}
_FOREIGN = (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT)


def _problem(exc: sqlite3.Error | UnicodeDecodeError, path: Path) -> StoreProblem:
    if isinstance(exc, UnicodeDecodeError):  # Python cannot read what SQLite says of a table's own, changed, text
        return StoreForeign(f"{path} is no registry, or is corrupt.", "Restore it from a backup, or name another file.")
    code = getattr(exc, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
    if code in _REMEDIES:
        return StoreUnavailable(f"The registry {path} cannot be used: {exc}.", _REMEDIES[code])
    if isinstance(exc, sqlite3.ProgrammingError):
        return StoreUnavailable(f"The registry {path} was closed.", "Open it again.")
    if code in _FOREIGN:
        return StoreForeign(
            f"{path} is no registry, or is corrupt: {exc}.", "Restore it from a backup, or name another file."
        )
    return StoreForeign(
        f"The tables of {path} are not those of a registry: {exc}.", "Restore it from a backup, or name another file."
    )
