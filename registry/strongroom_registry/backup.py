"""Backing up a whole store, and what is in a backup.

Rows are sealed and MACed, so a backup is made without a key, and none of it says more than the store does. What a
backup is worth shows when everything in it is opened, which :mod:`strongroom_registry.restoring` does in a store of its
own.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import BinaryIO
from uuid import UUID

from strongroom_registry.authority import REMEDY, decoded
from strongroom_registry.backup_file import BackupReader, BackupWriter, Header, NodeRow, Row
from strongroom_registry.errors import HeadTampered, NameTaken, StoreUnavailable
from strongroom_registry.heads import StateRecord
from strongroom_registry.keyring import WrappedKey
from strongroom_registry.keys.epoch import epoch_of
from strongroom_registry.private_output import new_private_file
from strongroom_registry.stores import Store
from strongroom_registry.stores.store import AuditRow, HeadRow, Transaction, UseRow, VersionRow, View, WorkspaceRow
from strongroom_registry.tree import EMPTY_ROOT, encode_node, nodes, path_of

_PORTION = 256
_ANY_EPOCH = 2**32


@dataclass(frozen=True, slots=True)
class NeededKey:
    """A key that opens a workspace's key of one epoch; where there are several of an epoch, any of them does."""

    epoch: int
    provider: str
    fingerprint: str

    def __str__(self) -> str:
        return f"{self.fingerprint} (at {self.provider})"


@dataclass(frozen=True, slots=True)
class BackedUpWorkspace:
    """How much of a workspace a backup holds, and which keys open it. ``seq`` is the change at which it stood."""

    name: str
    id: UUID
    seq: int
    keys: tuple[NeededKey, ...] = ()
    documents: int = 0
    versions: int = 0
    audit_entries: int = 0

    @property
    def current_keys(self) -> list[NeededKey]:
        """Those of the newest epoch, any of which opens the workspace."""
        newest = max((key.epoch for key in self.keys), default=0)
        return [key for key in self.keys if key.epoch == newest]


@dataclass(frozen=True, slots=True)
class BackupSummary:
    """What a backup holds. ``size`` is that of the file in bytes."""

    path: Path
    store_id: UUID
    made_at: datetime
    made_by: str
    size: int
    workspaces: tuple[BackedUpWorkspace, ...]


def back_up(store: Store, path: str | os.PathLike[str], *, made_by: str = "") -> BackupSummary:
    """Write a backup of all workspaces, as they are at one moment, while others go on writing.

    The file has mode 0600. It is written beside its place, synced and moved there, so that it is there whole or not
    at all.

    :param made_by: the version of the program, for the record.
    :raises NameTaken: there is a file at ``path``.
    :raises StoreProblem: the store cannot be read, is empty, or the file cannot be written.
    :raises IntegrityError: the store holds what no registry writes.
    """
    path = Path(path).expanduser().absolute()
    if store.store_id is None:
        raise StoreUnavailable("The registry is empty: there is nothing to back up.", "Make it with `strongroom init`.")
    header = Header(UUID(bytes=store.store_id), datetime.now(UTC), made_by)
    with _new_file(path) as file:
        writer = BackupWriter(file, header)
        found = _Counting()
        with store.reading() as view:
            for row in found.counted(_rows(view)):
                writer.put(row)
        writer.finish()
    return found.summary(path, header, path.stat().st_size)


def summarise(reader: BackupReader) -> BackupSummary:
    """Read a backup from end to end, which finds every damage of the file; opens nothing, needs no key.

    :raises BackupDamaged: it was cut short or changed.
    """
    found = _Counting()
    for _ in found.counted(reader.rows()):
        pass
    return found.summary(reader.path, reader.header, reader.size)


def fill(transaction: Transaction, rows: Iterator[Row]) -> None:
    """Write the rows of a backup into an empty store."""
    workspace = document = b""
    for row in rows:
        match row:
            case WorkspaceRow():
                workspace = row.id
                transaction.put_workspace(row)
            case WrappedKey():
                transaction.put_key(workspace, row)
            case NodeRow():
                transaction.put_nodes(workspace, {row.path: row.node})
            case HeadRow():
                document = row.document
                transaction.put_heads(workspace, [row._replace(path=path_of(row.name))])  # whatever a file says of it
            case VersionRow():
                transaction.put_version(document, row)
            case UseRow():
                transaction.put_uses(workspace, [row])
            case AuditRow():
                transaction.append_audit(workspace, [row])


def _rows(view: View) -> Iterator[Row]:
    for workspace in view.workspaces():
        yield workspace
        yield from view.keys(workspace.id)
        yield from _nodes(view, workspace)
        yield from chain.from_iterable(_document(view, head) for head in _heads(view, workspace.id))
        yield from view.all_uses(workspace.id)
        yield from view.audit(workspace.id)


def _nodes(view: View, workspace: WorkspaceRow) -> Iterator[NodeRow]:
    root = _state(workspace).root
    if root != EMPTY_ROOT:
        for path, node in nodes(root, lambda paths: view.nodes(workspace.id, paths)):
            yield NodeRow(path, encode_node(node))


def _heads(view: View, workspace: bytes) -> Iterator[HeadRow]:
    after = ""
    while heads := view.heads_by_path(workspace, after=after, limit=_PORTION, before_epoch=_ANY_EPOCH):
        yield from heads
        if len(heads) < _PORTION:
            return
        if heads[-1].path <= after:  # text that is no UTF-8 is not read as it is sorted
            raise HeadTampered("The registry finds its documents in places that no registry writes.", REMEDY)
        after = heads[-1].path


def _document(view: View, head: HeadRow) -> Iterator[HeadRow | VersionRow]:
    yield head
    numbers = [outline.number for outline in view.versions(head.document)]
    for number in reversed(numbers):
        version = view.version(head.document, number)
        if version is not None:
            yield version


def _state(workspace: WorkspaceRow) -> StateRecord:
    """What a state says of itself; the key that would prove it is not at hand."""
    what = f"The state of the workspace {workspace.name!r:.140}"
    if not isinstance(workspace.record, bytes):
        raise HeadTampered(f"{what} was changed.", "Restore the registry from a backup.")
    return decoded(StateRecord.decode, workspace.record, HeadTampered, what)


class _Counting:
    """Counts rows as they go by."""

    def __init__(self) -> None:
        self._workspaces: list[BackedUpWorkspace] = []
        self._keys: list[list[NeededKey]] = []

    def counted(self, rows: Iterator[Row]) -> Iterator[Row]:
        for row in rows:
            if isinstance(row, WorkspaceRow):
                self._keys.append([])
                new = BackedUpWorkspace(row.name, UUID(bytes=row.id), _state(row).seq)
                self._workspaces.append(new)
            else:
                self._workspaces[-1] = self._with(self._workspaces[-1], row)
            yield row

    def _with(self, so_far: BackedUpWorkspace, row: Row) -> BackedUpWorkspace:
        match row:
            case WrappedKey() if epoch_of(row.provider) is None:  # a retired epoch's is opened by a later one's
                self._keys[-1].append(NeededKey(row.epoch, row.provider, row.fingerprint))
            case HeadRow():
                return replace(so_far, documents=so_far.documents + 1)
            case VersionRow():
                return replace(so_far, versions=so_far.versions + 1)
            case AuditRow():
                return replace(so_far, audit_entries=so_far.audit_entries + 1)
        return so_far

    def summary(self, path: Path, header: Header, size: int) -> BackupSummary:
        keyed = zip(self._workspaces, self._keys, strict=True)
        workspaces = tuple(replace(workspace, keys=tuple(keys)) for workspace, keys in keyed)
        return BackupSummary(path, header.store_id, header.made_at, header.made_by, size, workspaces)


@contextmanager
def _new_file(path: Path) -> Iterator[BinaryIO]:
    """A file that stands at ``path`` once it is written whole and on the disk; nothing is left of it if not."""
    taken = NameTaken(f"There is a file {path} already, and a backup replaces none.", "Name another file.")
    if os.path.lexists(path):
        raise taken
    try:
        with new_private_file(path) as file:
            yield file
    except FileExistsError:
        raise taken from None
    except OSError as exc:
        raise StoreUnavailable(
            f"The backup {path} cannot be written: {exc.strerror}.", "Make room, or name another place."
        ) from None
