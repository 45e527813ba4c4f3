"""A store that lies in memory and ends with the process: for tests, and for trying things out."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from threading import RLock
from typing import Any

from strongroom_registry.errors import StoreUnavailable
from strongroom_registry.keyring import WrappedKey
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

Key = tuple[Any, ...]
_TABLES = ("workspaces", "keys", "heads", "versions", "nodes", "audit", "uses")
_REMOVED = object()


class _Tables:
    """Rows by table and key. A transaction works on a copy whose rows win over those of the original."""

    def __init__(self, below: _Tables | None = None) -> None:
        self.rows: dict[str, dict[Key, Any]] = {table: {} for table in _TABLES}
        self._below = below

    def get(self, table: str, key: Key) -> Any:
        row = self.rows[table].get(key)
        if row is None and self._below is not None:
            row = self._below.get(table, key)
        return None if row is _REMOVED else row

    def under(self, table: str, parent: Key) -> list[Any]:
        """The rows whose key starts with ``parent``, in the order of their keys."""
        found = {} if self._below is None else {**self._below.rows[table]}
        found.update(self.rows[table])
        wanted = sorted(key for key, row in found.items() if row is not _REMOVED and key[: len(parent)] == parent)
        return [found[key] for key in wanted]

    def put(self, table: str, key: Key, row: Any) -> None:
        self.rows[table][key] = row

    def remove(self, table: str, parent: Key) -> None:
        """Remove the rows whose key starts with ``parent``."""
        assert self._below is not None  # noqa: S101
        for key in [*self.rows[table], *self._below.rows[table]]:
            if key[: len(parent)] == parent:
                self.rows[table][key] = _REMOVED

    def keep(self) -> None:
        """Write all rows down to the original."""
        assert self._below is not None  # noqa: S101
        for table, rows in self.rows.items():
            below = self._below.rows[table]
            for key, row in rows.items():
                if row is _REMOVED:
                    below.pop(key, None)
                else:
                    below[key] = row


class _MemoryTransaction:
    """Both a view and a transaction: a view is simply never written to."""

    def __init__(self, tables: _Tables) -> None:
        self._tables = tables

    def expect(self, expected: Expected) -> None:
        """Nothing to do: every answer is at hand."""

    def workspace(self, name: str) -> WorkspaceRow | None:
        return next((row for row in self.workspaces() if row.name == name), None)

    def workspaces(self) -> Sequence[WorkspaceRow]:
        return sorted(self._tables.under("workspaces", ()), key=lambda row: row.name)

    def keys(self, workspace: bytes) -> Sequence[WrappedKey]:
        return self._tables.under("keys", (workspace,))

    def head(self, workspace: bytes, name: str) -> HeadRow | None:
        row: HeadRow | None = self._tables.get("heads", (workspace, name))
        return row

    def heads(self, workspace: bytes) -> Iterator[HeadRow]:
        return iter(self._tables.under("heads", (workspace,)))

    def heads_by_path(self, workspace: bytes, *, after: str, limit: int, before_epoch: int) -> Sequence[HeadRow]:
        rows = (row for row in self.heads(workspace) if row.path > after and _epoch(row.record) < before_epoch)
        return sorted(rows, key=lambda row: row.path)[:limit]

    def versions_before(
        self, workspace: bytes, epoch: int, *, after: tuple[str, int], limit: int
    ) -> Sequence[tuple[HeadRow, VersionOutline]]:
        rows = [
            (head, version)
            for head in self.heads(workspace)
            for version in self.versions(head.document)
            if (head.path, version.number) > after and _epoch(version.record) < epoch
        ]
        return sorted(rows, key=lambda row: (row[0].path, row[1].number))[:limit]

    def backlog(self, workspace: bytes, epoch: int) -> Backlog:
        heads = list(self.heads(workspace))
        versions = (version for head in heads for version in self.versions(head.document))
        return Backlog(
            sum(_epoch(row.record) < epoch for row in heads), sum(_epoch(row.record) < epoch for row in versions)
        )

    def uses(self, workspace: bytes, used: str) -> Sequence[UseRow]:
        return self._tables.under("uses", (workspace, used))

    def all_uses(self, workspace: bytes) -> Iterator[UseRow]:
        return iter(self._tables.under("uses", (workspace,)))

    def search(self, workspace: bytes, text: bytes) -> Iterator[HeadRow]:
        for head in self.heads(workspace):
            if any(text in row.public for row in self._tables.under("versions", (head.document,))):
                yield head

    def version(self, document: bytes, number: int) -> VersionRow | None:
        row: VersionRow | None = self._tables.get("versions", (document, number))
        return row

    def outlines(self, wanted: Iterable[tuple[bytes, int]]) -> Iterator[VersionOutline | None]:
        rows = (self.version(document, number) for document, number in wanted)
        return (row and row.outline() for row in rows)

    def versions(self, document: bytes) -> Iterator[VersionOutline]:
        return (row.outline() for row in self._tables.under("versions", (document,))[::-1])

    def nodes(self, workspace: bytes, paths: Iterable[str]) -> Iterator[bytes | None]:
        return (self._tables.get("nodes", (workspace, path)) for path in paths)

    def audit(self, workspace: bytes, *, newest_first: bool = False) -> Iterator[AuditRow]:
        rows = self._tables.under("audit", (workspace,))
        return iter(rows[::-1] if newest_first else rows)

    def put_workspace(self, row: WorkspaceRow) -> None:
        self._tables.put("workspaces", (row.id,), row)

    def remove_workspace(self, workspace: bytes) -> None:
        for head in self.heads(workspace):
            self._tables.remove("versions", (head.document,))
        for table in ("keys", "heads", "nodes", "audit", "uses", "workspaces"):
            self._tables.remove(table, (workspace,))

    def put_key(self, workspace: bytes, key: WrappedKey) -> None:
        self._tables.put("keys", (workspace, key.epoch, key.fingerprint), key)

    def remove_key(self, workspace: bytes, epoch: int, fingerprint: str) -> None:
        self._tables.remove("keys", (workspace, epoch, fingerprint))

    def put_heads(self, workspace: bytes, rows: Sequence[HeadRow]) -> None:
        for row in rows:
            self._tables.put("heads", (workspace, row.name), row)

    def put_version(self, document: bytes, row: VersionRow) -> None:
        self._tables.put("versions", (document, row.number), row)

    def put_wraps(self, rows: Sequence[WrapRow]) -> None:
        for document, number, record, mac, wrap in rows:
            former = self.version(document, number)
            if former is not None:
                self.put_version(document, former._replace(record=record, mac=mac, wrap=wrap))

    def put_nodes(self, workspace: bytes, nodes: Mapping[str, bytes]) -> None:
        for path, node in nodes.items():
            self._tables.put("nodes", (workspace, path), node)

    def put_uses(self, workspace: bytes, rows: Sequence[UseRow]) -> None:
        for row in rows:
            self._tables.put("uses", (workspace, *row), row)

    def remove_uses(self, workspace: bytes, user: str, number: int) -> None:
        for row in self._tables.under("uses", (workspace,)):
            if row[1:] == (user, number):
                self._tables.remove("uses", (workspace, *row))

    def append_audit(self, workspace: bytes, rows: Sequence[AuditRow]) -> None:
        for row in rows:
            if self._tables.get("audit", (workspace, row.seq)) is not None:
                raise StoreUnavailable(f"Audit entry {row.seq} exists.", "Open the registry again.")
            self._tables.put("audit", (workspace, row.seq), row)


def _epoch(record: bytes) -> int:
    return int.from_bytes(record[:4], "big")


class MemoryStore:
    """A :class:`~strongroom_registry.stores.store.Store` in memory."""

    is_ephemeral = True

    def __init__(self) -> None:
        self.store_id: bytes | None = None
        self._tables = _Tables()
        self._lock = RLock()
        self._closed = False

    def initialise(self, fill: Callable[[Transaction, bytes], None], *, store_id: bytes | None = None) -> None:
        with self._lock:
            if self.store_id is None:
                store_id = store_id or secrets.token_bytes(16)
                with self.writing() as transaction:
                    fill(transaction, store_id)
                self.store_id = store_id

    def state(self, workspace: bytes) -> tuple[bytes, bytes] | None:
        with self.reading():
            row = self._tables.get("workspaces", (workspace,))
            return None if row is None else (row.record, row.mac)

    def load(self, workspace: bytes, name: str, number: int) -> LoadedRows | None:
        with self.reading() as view:
            state = self._tables.get("workspaces", (workspace,))
            head = view.head(workspace, name)
            if state is None or head is None:
                return None
            version = view.version(head.document, number)
            rest = (None,) * 6 if version is None else version[1:]
            return LoadedRows(state.record, state.mac, head.record, head.mac, *rest)

    def load_all(self, workspace: bytes, wanted: Sequence[tuple[str, int]]) -> dict[tuple[str, int], LoadedRows | None]:
        with self._lock:
            return {(name, number): self.load(workspace, name, number) for name, number in wanted}

    @contextmanager
    def reading(self) -> Iterator[_MemoryTransaction]:
        with self._lock:
            self._check_open()
            yield _MemoryTransaction(self._tables)

    def glancing(self, expected: Expected) -> AbstractContextManager[_MemoryTransaction]:
        return self.reading()

    @contextmanager
    def writing(self) -> Iterator[_MemoryTransaction]:
        with self._lock:
            self._check_open()
            staged = _Tables(self._tables)
            yield _MemoryTransaction(staged)
            staged.keep()

    def renew(
        self, before: tuple[bytes, bytes], row: WorkspaceRow, entries: Sequence[AuditRow], *, wait: bool = True
    ) -> bool:
        if not self._lock.acquire(blocking=wait):
            raise StoreBusy
        try:
            self._check_open()
            held = self._tables.get("workspaces", (row.id,))
            if held is None or (held.record, held.mac) != before:
                return False
            with self.writing() as transaction:
                transaction.put_workspace(row)
                transaction.append_audit(row.id, entries)
            return True
        finally:
            self._lock.release()

    def write_back(self) -> None:
        """Nothing to do: there is no log."""

    def scrub(self) -> None:
        """Nothing to do: there is no file."""

    def after_fork(self) -> None:
        self._lock = RLock()

    def close(self) -> None:
        """End the store; what it held is gone."""
        with self._lock:
            self._closed = True
            self._tables = _Tables()

    def _check_open(self) -> None:
        if self._closed:
            raise StoreUnavailable("The registry in memory was closed.", "Open a new one.")
