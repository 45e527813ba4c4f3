"""A store in PostgreSQL: many machines share a registry, and hear of each other's changes."""

from __future__ import annotations

import logging
import re
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from typing import NamedTuple

import psycopg

from strongroom_registry.errors import StoreUnavailable
from strongroom_registry.stores.postgres import schema
from strongroom_registry.stores.postgres.connections import Connection, Connections
from strongroom_registry.stores.postgres.listener import Listener
from strongroom_registry.stores.postgres.place import Place
from strongroom_registry.stores.postgres.transaction import SQL, Glance, PostgresTransaction
from strongroom_registry.stores.store import AuditRow, Expected, LoadedRows, StoreBusy, Transaction, WorkspaceRow

_log = logging.getLogger("strongroom")
_VIEW = b"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
_CHANGE = b"BEGIN ISOLATION LEVEL READ COMMITTED"
_ALONE = b"LOCK TABLE strongroom.store IN EXCLUSIVE MODE"
_ALONE_AT_ONCE = _ALONE + b" NOWAIT"
_MAKE = b"BEGIN ISOLATION LEVEL READ COMMITTED; SELECT pg_advisory_xact_lock(%d)" % schema.LOCK
_CONNECTIONS = 10
_REWRITTEN_UP_TO = 256 * 1024 * 1024
_LOCK_PATIENCE = "3s"
_PAUSES = (0.01, 0.03, 0.1, 0.3, 1.0, 0.0)
"""How long to wait, in seconds, after each attempt to clean a table that somebody still reads."""
_CLEANED = ("versions", "workspace_keys")
"""What is cleaned when another process replaced something."""


class PostgresStore:
    """A :class:`~strongroom_registry.stores.store.Store` in the schema ``strongroom`` of a database.

    A change locks the table ``store`` first and is committed with ``synchronous_commit``; a view is one snapshot; each
    change of a workspace is told to those who :meth:`watch`. Tables of an older format are upgraded at opening.

    :param url: ``postgresql://user@host/database``, as libpq reads it.
    :param create: leave to :meth:`initialise` a database that holds no registry.
    :raises StoreForeign: the tables are not those of a registry.
    :raises StoreNewer: a newer version made them.
    :raises StoreUnavailable: the server cannot be reached, or there is no registry and ``create`` is false.
    """

    is_ephemeral = False

    def __init__(self, url: str, *, create: bool = True) -> None:
        self._place = Place(url)
        self._connections = Connections(self._place, at_most=_CONNECTIONS)
        self._listener = Listener(self._place)
        self._writer = threading.Lock()
        self._replaced: set[str] = set()
        self._store_id: bytes | None = None
        self._recognise(create)

    def __repr__(self) -> str:
        return f"PostgresStore({self._place.text!r})"

    @property
    def store_id(self) -> bytes | None:
        """16 random bytes that name this store for good; None before :meth:`initialise`."""
        return self._store_id

    def initialise(self, fill: Callable[[Transaction, bytes], None], *, store_id: bytes | None = None) -> None:
        with self._making() as (connection, version):
            if version == 0:
                schema.migrate(connection, 0)
                store_id = store_id or secrets.token_bytes(16)
                connection.execute(SQL["put_store_id"], (store_id,))
                fill(PostgresTransaction(connection), store_id)
            else:
                store_id = schema.stored_id(connection, self._place)
        self._store_id = store_id

    def state(self, workspace: bytes) -> tuple[bytes, bytes] | None:
        self._listener.resume()
        with self._place.in_words(), self._connections.lent() as connection:
            row: tuple[bytes, bytes] | None = connection.execute(SQL["state"], (workspace,), binary=True).fetchone()
        return row

    def load(self, workspace: bytes, name: str, number: int) -> LoadedRows | None:
        self._listener.resume()
        with self._place.in_words(), self._connections.lent() as connection:
            row = connection.execute(SQL["load"], (number, workspace, name), binary=True).fetchone()
        return row and LoadedRows._make(row)

    def load_all(self, workspace: bytes, wanted: Sequence[tuple[str, int]]) -> dict[tuple[str, int], LoadedRows | None]:
        self._listener.resume()
        names, numbers = [name for name, _ in wanted], [number for _, number in wanted]
        with self._place.in_words(), self._connections.lent() as connection:
            rows = connection.execute(SQL["load_all"], (names, numbers, workspace), binary=True).fetchall()
        found: dict[tuple[str, int], LoadedRows | None] = dict.fromkeys(wanted)
        return found | {(row[0], row[1]): LoadedRows._make(row[2:]) for row in rows}

    @contextmanager
    def reading(self) -> Iterator[PostgresTransaction]:
        self._listener.resume()
        with self._connection() as connection:
            connection.execute(_VIEW)
            yield PostgresTransaction(connection)

    @contextmanager
    def glancing(self, expected: Expected) -> Iterator[Glance]:
        self._listener.resume()
        with self._place.in_words(), self._connections.lent() as connection:
            yield Glance(connection, expected)

    @contextmanager
    def writing(self) -> Iterator[PostgresTransaction]:
        self._listener.resume()
        with self._writer, self._connection() as connection:
            transaction = PostgresTransaction(connection)
            with _committed(connection, self._place, pipelined=True):
                connection.execute(_CHANGE)
                connection.execute(_ALONE)
                yield transaction
            self._replaced |= transaction.replaced

    def renew(
        self, before: tuple[bytes, bytes], row: WorkspaceRow, entries: Sequence[AuditRow], *, wait: bool = True
    ) -> bool:
        self._listener.resume()
        if not self._writer.acquire(blocking=wait):
            raise StoreBusy
        try:
            with self._connection() as connection:
                return self._renewed(connection, before, row, entries, wait=wait)
        finally:
            self._writer.release()

    def write_back(self) -> None:
        """Nothing to do: the server does that."""

    def watch(self, changed: Callable[[bytes], None]) -> Callable[[], None]:
        """Call ``changed`` with a workspace's id after each change of it by anybody; see
        :class:`~strongroom_registry.stores.store.Watched`.

        :raises StoreUnavailable: the server is away.
        """
        self._connections.check_open()
        return self._listener.watch(changed)

    def scrub(self) -> None:
        """Write the tables anew without what was replaced or removed, and drop the old files. One that is larger than
        256 MiB is vacuumed instead, so that nobody waits for minutes: its free space is reused, not emptied.

        The server's write-ahead log, its archive and backups keep what they have.

        :raises StoreUnavailable: somebody still reads a moment in which it was there.
        """
        with self._connection() as connection:
            for table in sorted(self._replaced or _CLEANED):
                hindered = self._clean(connection, table)
                if hindered:
                    raise StoreUnavailable(
                        f"The table {table} of {self._place.text} is not cleaned: {hindered}.",
                        "The change itself is done; repeat it when others are finished, or as the tables' owner.",
                    )
        self._replaced = set()

    def after_fork(self) -> None:
        self._connections.after_fork()
        self._listener.after_fork()
        self._writer = threading.Lock()

    def close(self) -> None:
        self._listener.close()
        self._connections.close()

    @contextmanager
    def _connection(self) -> Iterator[Connection]:
        """A connection for a while. A transaction that is still open at its end is undone, whatever happened."""
        with self._place.in_words(), self._connections.lent() as connection:
            try:
                yield connection
            finally:
                with suppress(psycopg.Error):
                    connection.rollback()

    def _recognise(self, create: bool) -> None:
        with self._connection() as connection:
            connection.execute(_VIEW)  # one moment: somebody may be making it right now
            version = schema.recognise(connection, self._place)
            if version:
                self._store_id = schema.stored_id(connection, self._place)
        if version == 0 and not create:
            raise schema.absent(self._place)
        if 0 < version < schema.FORMAT:
            self._upgrade()

    def _renewed(
        self,
        connection: Connection,
        before: tuple[bytes, bytes],
        row: WorkspaceRow,
        entries: Sequence[AuditRow],
        *,
        wait: bool,
    ) -> bool:
        columns = [[getattr(entry, name) for entry in entries] for name in AuditRow._fields]
        try:
            with _committed(connection, self._place, pipelined=True):
                connection.execute(_CHANGE)
                connection.execute(_ALONE if wait else _ALONE_AT_ONCE)
                renewed = connection.execute(SQL["renew"], (row.record, row.mac, row.id, *before, *columns))
        except psycopg.errors.LockNotAvailable:
            if wait:
                raise
            raise StoreBusy from None
        return renewed.rowcount > 0

    def _upgrade(self) -> None:
        with self._making() as (connection, version):
            try:
                schema.migrate(connection, version)
            except psycopg.errors.InsufficientPrivilege:
                raise StoreUnavailable(
                    f"The registry in {self._place.text} has format {version}, and this role may not upgrade it.",
                    "Open it once as the owner of its tables.",
                ) from None

    @contextmanager
    def _making(self) -> Iterator[tuple[Connection, int]]:
        """Alone among those who make or change tables; with the format that is there by then."""
        with self._writer, self._connection() as connection:
            connection.execute(_MAKE)
            with _committed(connection, self._place, pipelined=False):
                yield connection, schema.recognise(connection, self._place)

    def _clean(self, connection: Connection, table: str) -> str:
        """Clean a table; what kept rows that were removed in it, or nothing. Readers that were there already are given
        some time to end."""
        size = connection.execute(b"SELECT pg_total_relation_size(%s)", (f"strongroom.{table}",)).fetchone()
        is_large = size is not None and size[0] > _REWRITTEN_UP_TO
        if is_large:
            _log.warning("The table strongroom.%s is too large to be written anew; VACUUM FULL does it.", table)
        options = b"VERBOSE" if is_large else b"FULL, VERBOSE"
        vacuum = b"VACUUM (%b) strongroom.%b" % (options, table.encode())
        for pause in _PAUSES:
            said: list[_Notice] = []
            try:
                with _patient(connection), _notices(connection, said.append):
                    connection.execute(vacuum)
            except psycopg.errors.LockNotAvailable:
                return "somebody keeps it locked"
            refused = [notice.text for notice in said if notice.severity == "WARNING"]
            if refused:
                return refused[0]
            if not any(notice.kept for notice in said):
                return ""
            time.sleep(pause)
        return "somebody still reads what was there"


class _Notice(NamedTuple):
    """What the server says beside its answers."""

    severity: str
    text: str
    detail: str

    @property
    def kept(self) -> int:
        """How many removed rows a VACUUM says that it had to keep, since somebody may still see them."""
        number = re.match(r"(\d+)", self.detail) or re.search(r"(\d+) are dead but not yet removable", self.text)
        return int(number[1]) if number else 0


@contextmanager
def _committed(connection: Connection, place: Place, *, pipelined: bool) -> Iterator[None]:
    """Commit when the block ends, undo when it raises.

    :param pipelined: whether statements are sent without waiting for the answer to the one before.
    :raises StoreUnavailable: the connection broke while it was committed, so nobody here knows whether it was.
    """
    committing = None
    try:
        with connection.pipeline() if pipelined else nullcontext():
            yield
            committing = connection.execute(b"COMMIT")
        if committing.statusmessage != "COMMIT":
            raise psycopg.errors.InFailedSqlTransaction("the transaction had failed before its end")
    except psycopg.OperationalError as exc:
        if committing is None or not connection.broken:
            raise
        raise StoreUnavailable(
            f"The connection broke while a change was committed: {place.problem(exc).problem}",
            "See whether the change is there before you repeat it.",
        ) from None


@contextmanager
def _patient(connection: Connection) -> Iterator[None]:
    """Time for a long statement, but little for its lock: everybody else waits behind who waits for one."""
    names = ("statement_timeout", "lock_timeout")
    [before] = connection.execute(b"SELECT current_setting(%s), current_setting(%s)", names)
    connection.execute(b"SET statement_timeout = 0")
    connection.execute(b"SELECT set_config('lock_timeout', %s, false)", (_LOCK_PATIENCE,))
    try:
        yield
    finally:
        if not connection.broken:
            for name, value in zip(names, before, strict=True):
                connection.execute(b"SELECT set_config(%s, %s, false)", (name, value))


@contextmanager
def _notices(connection: Connection, take: Callable[[_Notice], None]) -> Iterator[None]:
    def handler(said: psycopg.errors.Diagnostic) -> None:
        take(_Notice(said.severity_nonlocalized or "", said.message_primary or "", said.message_detail or ""))

    connection.add_notice_handler(handler)
    try:
        yield
    finally:
        connection.remove_notice_handler(handler)
