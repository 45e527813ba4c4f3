"""The rows of a registry in PostgreSQL, within a transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, TypeVar

import psycopg

from strongroom_registry.keyring import WrappedKey
from strongroom_registry.stores.postgres.foreseen import Foreseen
from strongroom_registry.stores.postgres.schema import queries
from strongroom_registry.stores.store import (
    AuditRow,
    Backlog,
    Expected,
    HeadRow,
    NotAtHand,
    UseRow,
    VersionOutline,
    VersionRow,
    WorkspaceRow,
    WrapRow,
)

SQL = queries()
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_AT_ONCE = 1000
"""How many rows at a time."""
_VERSIONS_AT_ONCE = 100
"""How many versions at a time, whose public projections can have a megabyte each."""
_MATCHES_AT_ONCE = 10_000
"""How many found documents at a time; each time everything is searched."""
_LOWEST, _HIGHEST = -(2**63), 2**63 - 1

_UNTOLD = object()

R = TypeVar("R")
Row = tuple[Any, ...]


class PostgresTransaction:
    """Both a view and a transaction, over a connection on which one has begun.

    What may be long comes in portions, each asked for from where the one before ended, so that neither side holds all
    of it. Where the connection is in pipeline mode, writes are sent without waiting for their answers, and so is the
    question for what is expected to be asked for.
    """

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection
        self._foreseen: Foreseen | None = None
        self.replaced: set[str] = set()
        """The tables that may hold what was replaced or removed, and is to be cleaned away."""

    def expect(self, expected: Expected) -> None:
        self._foreseen = Foreseen(self._connection, expected)

    def workspace(self, name: str) -> WorkspaceRow | None:
        row: WorkspaceRow | None = self._told("workspace", name)
        return self._one(WorkspaceRow._make, "workspace", (name,)) if row is _UNTOLD else row

    def workspaces(self) -> Sequence[WorkspaceRow]:
        return [WorkspaceRow._make(row) for row in self._all("workspaces", ())]

    def keys(self, workspace: bytes) -> Sequence[WrappedKey]:
        return [
            WrappedKey(epoch, provider, fingerprint, wrapped, canary, _moment(created))
            for epoch, provider, fingerprint, wrapped, canary, created in self._all("keys", (workspace,))
        ]

    def head(self, workspace: bytes, name: str) -> HeadRow | None:
        row: HeadRow | None = self._told("head", workspace, name)
        return self._one(HeadRow._make, "head", (workspace, name)) if row is _UNTOLD else row

    def heads(self, workspace: bytes) -> Iterator[HeadRow]:
        return map(HeadRow._make, self._portions("heads", lambda after: (workspace, after), "", _next_name))

    def heads_by_path(self, workspace: bytes, *, after: str, limit: int, before_epoch: int) -> Sequence[HeadRow]:
        rows = self._all("heads_by_path", (workspace, after, after, after, _epoch(before_epoch), limit))
        return [HeadRow._make(row) for row in rows]

    def versions_before(
        self, workspace: bytes, epoch: int, *, after: tuple[str, int], limit: int
    ) -> Sequence[tuple[HeadRow, VersionOutline]]:
        rows = self._all("versions_before", (workspace, after[0], *after, _epoch(epoch), limit))
        return [(HeadRow._make(row[:5]), VersionOutline._make(row[5:])) for row in rows]

    def backlog(self, workspace: bytes, epoch: int) -> Backlog:
        [row] = self._all("backlog", (workspace, _epoch(epoch)) * 2)
        return Backlog._make(row)

    def uses(self, workspace: bytes, used: str) -> Sequence[UseRow]:
        return [UseRow._make(row) for row in self._all("uses", (workspace, used))]

    def all_uses(self, workspace: bytes) -> Iterator[UseRow]:
        rows = self._portions("all_uses", lambda after: (workspace, *after), ("", "", _LOWEST), lambda row: row)
        return map(UseRow._make, rows)

    def search(self, workspace: bytes, text: bytes) -> Iterator[HeadRow]:
        rows = self._portions("search", lambda after: (text, workspace, after), "", _next_name, size=_MATCHES_AT_ONCE)
        return map(HeadRow._make, rows)

    def version(self, document: bytes, number: int) -> VersionRow | None:
        row: VersionRow | None = self._told("version", document, number)
        return self._one(VersionRow._make, "version", (document, number)) if row is _UNTOLD else row

    def outlines(self, wanted: Iterable[tuple[bytes, int]]) -> Iterator[VersionOutline | None]:
        remaining = iter(wanted)
        while portion := list(islice(remaining, _VERSIONS_AT_ONCE)):
            told = self._told("outline", *portion[0])
            if len(portion) == 1 and told is not _UNTOLD:
                yield told
                continue
            documents, numbers = zip(*portion, strict=True)
            for row in self._all("outlines", (list(documents), list(numbers))):
                yield None if row[0] is None else VersionOutline._make(row)

    def versions(self, document: bytes) -> Iterator[VersionOutline]:
        rows = self._portions(
            "versions", lambda first: (document, first), _HIGHEST, lambda row: int(row[0]) - 1, size=_VERSIONS_AT_ONCE
        )
        return map(VersionOutline._make, rows)

    def nodes(self, workspace: bytes, paths: Iterable[str]) -> Iterator[bytes | None]:
        remaining = iter(paths)
        while portion := list(islice(remaining, _AT_ONCE)):
            told = [self._told("node", workspace, path) for path in portion]
            if _UNTOLD in told:
                told = [node for (node,) in self._all("nodes", (workspace, portion))]
            yield from told

    def audit(self, workspace: bytes, *, newest_first: bool = False) -> Iterator[AuditRow]:
        name, start, step = ("audit_newest_first", _HIGHEST, -1) if newest_first else ("audit", _LOWEST, 1)
        rows = self._portions(name, lambda first: (workspace, first), start, lambda row: int(row[0]) + step)
        return map(AuditRow._make, rows)

    def put_workspace(self, row: WorkspaceRow) -> None:
        self._execute("put_workspace", row)
        self._execute("tell", (row.id.hex(),))

    def put_key(self, workspace: bytes, key: WrappedKey) -> None:
        created = (key.created_at - _EPOCH) // _MICROSECOND
        columns = (workspace, key.epoch, key.provider, key.fingerprint, key.wrapped, key.canary, created)
        self._execute("put_key", columns)
        self.replaced.add("workspace_keys")

    def remove_key(self, workspace: bytes, epoch: int, fingerprint: str) -> None:
        self._execute("remove_key", (workspace, epoch, fingerprint))
        self.replaced.add("workspace_keys")

    def remove_workspace(self, workspace: bytes) -> None:
        self._execute("remove_versions", (workspace,))
        self.replaced.add("versions")
        for table in ("uses", "audit", "trie", "heads", "workspace_keys"):
            self._connection.execute(f"DELETE FROM strongroom.{table} WHERE workspace = %s".encode(), (workspace,))  # noqa: S608
            self.replaced.add(table)
        self._connection.execute(b"DELETE FROM strongroom.workspaces WHERE id = %s", (workspace,))
        self._execute("tell", (workspace.hex(),))

    def put_heads(self, workspace: bytes, rows: Sequence[HeadRow]) -> None:
        if len(rows) == 1:
            self._execute("put_head", (workspace, *rows[0]))
        elif rows:
            columns = zip(*{row.name: row for row in rows}.values(), strict=True)
            self._execute("put_heads", (workspace, *map(list, columns)))

    def put_version(self, document: bytes, row: VersionRow) -> None:
        self._execute("put_version", (document, *row))
        self.replaced.add("versions")

    def put_wraps(self, rows: Sequence[WrapRow]) -> None:
        if rows:
            columns = zip(*{row[:2]: row for row in rows}.values(), strict=True)
            self._execute("put_wraps", tuple(map(list, columns)))
            self.replaced.add("versions")

    def put_nodes(self, workspace: bytes, nodes: Mapping[str, bytes]) -> None:
        if nodes:
            self._execute("put_nodes", (workspace, list(nodes), list(nodes.values())))

    def put_uses(self, workspace: bytes, rows: Sequence[UseRow]) -> None:
        if rows:
            self._execute("put_uses", (workspace, *map(list, zip(*rows, strict=True))))

    def remove_uses(self, workspace: bytes, user: str, number: int) -> None:
        self._execute("remove_uses", (workspace, user, number))

    def append_audit(self, workspace: bytes, rows: Sequence[AuditRow]) -> None:
        if len(rows) == 1:
            self._execute("append_audit", (workspace, *rows[0]))
        elif rows:
            self._execute("append_audits", (workspace, *map(list, zip(*rows, strict=True))))

    def _told(self, *question: object) -> Any:
        """An answer that came before it was asked for, or ``_UNTOLD``."""
        return _UNTOLD if self._foreseen is None else self._foreseen.answers.get(question, _UNTOLD)

    def _one(self, make: Callable[[Row], R], name: str, parameters: Row) -> R | None:
        rows = self._all(name, parameters)
        return make(rows[0]) if rows else None

    def _all(self, name: str, parameters: Row) -> list[Row]:
        return self._connection.execute(SQL[name], parameters, binary=True).fetchall()

    def _execute(self, name: str, parameters: Row) -> None:
        self._foreseen = None  # what was asked for before need not be so any more
        self._connection.execute(SQL[name], parameters)

    def _portions(
        self,
        name: str,
        parameters: Callable[[Any], Row],
        start: object,
        after: Callable[[Row], object],
        size: int = _AT_ONCE,
    ) -> Iterator[Row]:
        """Rows in their order, a portion at a time, until there are no more."""
        first = start
        while True:
            rows = self._all(name, (*parameters(first), size))
            yield from rows
            if len(rows) < size:
                return
            first = after(rows[-1])


class Glance(PostgresTransaction):
    """What is expected to be asked of a document, by one question outside of any transaction, and nothing else.

    :raises NotAtHand: something else is asked for.
    """

    def __init__(self, connection: psycopg.Connection[Any], expected: Expected) -> None:
        super().__init__(connection)
        self.expect(expected)

    def _all(self, name: str, parameters: Row) -> list[Row]:
        raise NotAtHand(parameters[1] if name == "version" else None)


def _next_name(row: Row) -> str:
    """The first text after a name: the lowest character that a text can hold comes after it."""
    return f"{row[0]}\x01"


def _moment(microseconds: int) -> datetime:
    try:
        return _EPOCH + microseconds * _MICROSECOND
    except OverflowError:  # a changed column; the key's canary will not fit what this gives
        return _EPOCH


def _epoch(number: int) -> bytes:
    """An epoch as records begin with it, to be compared with them; beyond all of them where it is none."""
    return number.to_bytes(4, "big") if number < 2**32 else b"\xff" * 5
