"""What changes often or expires (tokens, leases, wraps), kept in sealed rows.

Who can write the database can remove a row, or put an older one of the same id back; he can make none, change none and
move none, and reads nothing but kinds, ids, parents and times.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import local
from typing import Any, TypeVar

from pydantic import BaseModel
from strongroom.databases.kind import Kind
from strongroom.ledger import Ledger, Session
from strongroom_registry import Sealer
from strongroom_registry.derivation import framed
from strongroom_registry.errors import StrongroomError

from strongroom_service.errors import RecordsForeign, RecordsNewer, RecordsUnavailable

M = TypeVar("M", bound=BaseModel)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SELECT = "SELECT parent, expires, sealed FROM service_records WHERE kind = ? AND id = ?"
_SELECT_ALL = "SELECT id, parent, expires, sealed FROM service_records WHERE kind = ? AND id IN"
_KEPT, _KEPT_BYTES = 4096, 8 * 1024

_Row = tuple[str, int | None, bytes]


@functools.cache
def records_kind(*, blob: str = "BLOB") -> Kind:
    """The tables of the service; ``blob`` is what the database calls a column of bytes."""
    scripts = sorted((Path(__file__).parent / "tables").glob("*.sql"))
    tables = "\n".join(re.sub(r"\bBLOB\b", blob, script.read_text("utf-8")) for script in scripts)
    if blob != "BLOB":  # ids are in the order of their bytes, whatever the locale
        tables = re.sub(r"\bid TEXT\b", 'id TEXT COLLATE "C"', tables)
    return Kind(
        "service database",
        "STRONGROOM_SERVER_RECORDS",
        0x5352_5356,  # "SRSV"
        [tables],
        RecordsUnavailable,
        RecordsForeign,
        RecordsNewer,
        is_durable=True,
    )


def open_records_ledger(url: str) -> Ledger:
    """The database at ``url``: ``sqlite:///path``, ``postgresql://…`` or ``memory:``. It is made when it is used."""
    if url.startswith(("postgresql://", "postgres://")):
        from strongroom.ledger.postgres import PostgresLedger

        return PostgresLedger(url, records_kind(blob="BYTEA"))
    from strongroom.ledger.sqlite import MemoryLedger, SqliteLedger

    if url.startswith("memory:"):
        return MemoryLedger(records_kind())
    return SqliteLedger(url.removeprefix("sqlite:///"), records_kind())


class _Moment(local):
    """What this thread knows of the moment that it reads at; None where it reads at none."""

    known: dict[tuple[str, str], BaseModel | None] | None = None


class Records:
    """The records of a service. Safe to use from several threads and processes.

    :param ledger: see :func:`open_records_ledger`.
    :param sealer: seals them; of the service's own workspace.
    :param clock: another clock than the database's, for tests.
    """

    def __init__(self, ledger: Ledger, sealer: Sealer, *, clock: Callable[[], datetime] | None = None) -> None:
        self._ledger = ledger
        self._sealer = sealer
        self._clock = clock
        self._opened: dict[tuple[str, str], tuple[_Row, BaseModel]] = {}
        self._moment = _Moment()
        self._known: tuple[object, dict[tuple[str, str], BaseModel | None]] = (None, {})

    @contextmanager
    def changing(self) -> Iterator[RecordSession]:
        """One transaction that nobody else changes records beside; an exception rolls it back.

        :raises ServiceUnavailable: the database cannot be used.
        """
        self.end_moment()
        with self._ledger.changing() as session:
            yield RecordSession(self, session)

    @contextmanager
    def reading(self) -> Iterator[RecordSession]:
        """One consistent view. Raises likewise."""
        with self._ledger.reading() as session:
            yield RecordSession(self, session)

    def get(self, kind: str, id: str, model: type[M]) -> M | None:
        """One record, as it is now: quicker than in a view. Do not change what it returns.

        :raises ServiceUnavailable: the database cannot be used.
        :raises IntegrityError: the row was changed or moved.
        """
        known = self._moment.known
        if known is not None and (kind, id) in known:
            found = known[kind, id]
            if found is None or type(found) is model:
                return found
        value = self._glanced(kind, id, model)
        self._note(kind, id, value)
        return value

    def begin_moment(self) -> None:
        """Have all that this thread reads by :meth:`get` be no older than now, instead of as it is when it is read,
        until :meth:`end_moment` or until the thread changes records: what was read before, and is unchanged, is not
        read again.

        :raises ServiceUnavailable: the database cannot be used.
        """
        version, known = self._ledger.version(), self._known
        if version is None or known[0] != version:
            self._known = known = version, {}
        self._moment.known = known[1]

    def look_ahead(self, kind: str, ids: Collection[str], model: type[M]) -> None:
        """Read records together that :meth:`get` will be asked for in this moment, where each is a journey."""
        known = self._moment.known
        missing = {id for id in ids if known is not None and (kind, id) not in known}
        if len(missing) < 2:
            return
        places = ", ".join("?" * len(missing))
        try:
            rows = self._ledger.glance(f"{_SELECT_ALL} ({places})", kind, *missing)
        except StrongroomError:  # then each look says so
            return
        for row in rows:
            missing.discard(row[0])
            with suppress(StrongroomError, ValueError):  # then the look at this one says so
                self._note(kind, row[0], self.open(kind, *row, model=model))
        for id in missing:
            self._note(kind, id, None)

    def end_moment(self) -> None:
        """Have each look be at its own moment again."""
        self._moment.known = None

    def _glanced(self, kind: str, id: str, model: type[M]) -> M | None:
        rows = self._ledger.glance(_SELECT, kind, id)
        return self.open(kind, id, *rows[0], model=model) if rows else None

    def _note(self, kind: str, id: str, value: BaseModel | None) -> None:
        """Know for the rest of the moment what was read, unless it is large."""
        known = self._moment.known
        if known is None or (value is not None and (kind, id) not in self._opened):
            return
        if len(known) >= _KEPT:
            known.clear()
        known[kind, id] = value

    def name(self, data: bytes) -> str:
        """64 hexadecimal digits to find a record by that belongs to a secret: they tell nothing of it."""
        return self._sealer.name(data)

    def former_names(self, data: bytes) -> Iterator[str]:
        """What :meth:`name` gave before the registry's keys were rotated, the latest first."""
        return self._sealer.former_names(data)

    def close(self) -> None:
        """Let go of the database."""
        self._ledger.close()

    def open(self, kind: str, id: str, parent: str, expires: int | None, sealed: bytes, *, model: type[M]) -> M:
        """The record in a row. Raises IntegrityError for one that was changed or moved."""
        sealed = bytes(sealed)
        row = (parent, expires, sealed)
        known = self._opened.get((kind, id))
        if known is not None and known[0] == row and type(known[1]) is model:
            return known[1]
        data = self._sealer.open(sealed, _context(kind, id, parent, expires))
        value = model.model_validate_json(data)
        if len(sealed) > _KEPT_BYTES:  # of what is larger, such as a wrap, few could fill the memory
            self._opened.pop((kind, id), None)
            return value
        if len(self._opened) >= _KEPT:
            self._opened = {}
        self._opened[kind, id] = row, value
        return value

    def seal(self, kind: str, id: str, parent: str, expires: int | None, value: BaseModel) -> bytes:
        """The sealed bytes of a record."""
        return self._sealer.seal(value.model_dump_json().encode(), _context(kind, id, parent, expires))

    def now(self, session: Session | None = None) -> datetime:
        """What time it is."""
        if self._clock is not None:
            return self._clock()
        return datetime.now(UTC) if session is None else _time(session.now())


class RecordSession:
    """A transaction on the records."""

    def __init__(self, records: Records, session: Session) -> None:
        self._records = records
        self._session = session

    def get(self, kind: str, id: str, model: type[M]) -> M | None:
        """One record; None where there is none."""
        rows = self._session.execute(_SELECT, kind, id)
        return self._records.open(kind, id, *rows[0], model=model) if rows else None

    def put(self, kind: str, id: str, value: BaseModel, *, parent: str = "", expires: datetime | None = None) -> None:
        """Write a record, in the place of one that is there.

        :param parent: what :meth:`children` finds it by.
        :param expires: when :meth:`expired` finds it; it is not removed by itself.
        """
        until = None if expires is None else _micros(expires)
        self._session.execute(
            "INSERT INTO service_records (kind, id, parent, expires, sealed) VALUES (?, ?, ?, ?, ?) "
            "ON CONFLICT (kind, id) DO UPDATE "
            "SET parent = excluded.parent, expires = excluded.expires, sealed = excluded.sealed",
            kind,
            id,
            parent,
            until,
            self._records.seal(kind, id, parent, until, value),
        )

    def remove(self, kind: str, id: str) -> bool:
        """Remove a record; whether there was one."""
        sql = "DELETE FROM service_records WHERE kind = ? AND id = ? RETURNING id"
        return bool(self._session.execute(sql, kind, id))

    def children(self, kind: str, parent: str, model: type[M]) -> list[tuple[str, M]]:
        """The records of a parent, by id."""
        return self._found(kind, "parent = ? ORDER BY id", model, parent)

    def page(self, kind: str, model: type[M], *, after: str = "", limit: int = 100) -> list[tuple[str, M]]:
        """Records by id, those behind ``after``, at most ``limit``."""
        return self._found(kind, "id > ? ORDER BY id LIMIT ?", model, after, limit)

    def expired(self, kind: str, model: type[M], *, limit: int = 100) -> list[tuple[str, M]]:
        """Records whose time is over, the oldest first."""
        return self._found(kind, "expires <= ? ORDER BY expires LIMIT ?", model, _micros(self.now()), limit)

    def ids(
        self,
        kind: str,
        prefix: str = "",
        *,
        parent: str | None = None,
        expired: bool = False,
        after: str = "",
        limit: int = 100,
    ) -> list[str]:
        """The ids of records, without opening any, so that a row that was changed hides no other.

        :param prefix: those that begin so.
        :param parent: those of a parent.
        :param expired: those whose time is over, the oldest first; else they are in order.
        """
        where, values = ["id > ?"], [kind, max(after, prefix)]
        if prefix:
            where.append("id < ?")
            values.append(prefix[:-1] + chr(ord(prefix[-1]) + 1))
        if parent is not None:
            where.append("parent = ?")
            values.append(parent)
        if expired:
            where.append("expires <= ?")
        rows = self._session.execute(
            f"SELECT id FROM service_records WHERE kind = ? AND {' AND '.join(where)} "  # noqa: S608
            f"ORDER BY {'expires' if expired else 'id'} LIMIT ?",
            *values,
            *([_micros(self.now())] if expired else []),
            limit,
        )
        return [row[0] for row in rows]

    def count(self, kind: str, *, parent: str | None = None) -> int:
        """How many records there are of a kind, or of a parent."""
        where, values = ("", ()) if parent is None else (" AND parent = ?", (parent,))
        rows = self._session.execute(f"SELECT count(*) FROM service_records WHERE kind = ?{where}", kind, *values)  # noqa: S608
        return int(rows[0][0])

    def now(self) -> datetime:
        """The clock that all processes go by."""
        return self._records.now(self._session)

    def _found(self, kind: str, where: str, model: type[M], *values: Any) -> list[tuple[str, M]]:
        rows = self._session.execute(
            f"SELECT id, parent, expires, sealed FROM service_records WHERE kind = ? AND {where}",  # noqa: S608
            kind,
            *values,
        )
        return [(row[0], self._records.open(kind, *row, model=model)) for row in rows]


def _context(kind: str, id: str, parent: str, expires: int | None) -> bytes:
    return framed(kind.encode(), id.encode(), parent.encode(), b"" if expires is None else str(expires).encode())


def _micros(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)


def _time(micros: int) -> datetime:
    return _EPOCH + timedelta(microseconds=micros)
