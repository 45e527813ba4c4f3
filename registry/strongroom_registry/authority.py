"""What of a store is to be believed: turns untrusted rows into records, or says by name what is wrong with them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, TypeVar

from strongroom_registry.audit import AUDIT_PURPOSE
from strongroom_registry.canonical import Malformed
from strongroom_registry.envelope import Binding
from strongroom_registry.errors import (
    HeadTampered,
    HiddenVersion,
    IntegrityError,
    PublicFieldsTampered,
    RollbackDetected,
    SealBroken,
    VersionTampered,
)
from strongroom_registry.heads import (
    HEAD_PURPOSE,
    STATE_PURPOSE,
    VERSION_PURPOSE,
    HeadRecord,
    Note,
    StateRecord,
    VersionRecord,
    hashed,
    record_epoch,
)
from strongroom_registry.keyring import Keyring
from strongroom_registry.stores.store import HeadRow, VersionOutline, VersionRow, View, WorkspaceRow
from strongroom_registry.tree import Trie, path_of

R = TypeVar("R")
V = TypeVar("V", VersionRow, VersionOutline)

REMEDY = "Restore the registry from a backup, and find out who can write its database."


class ProvenVersion(NamedTuple):
    """A version whose record, note and public projection are as they were written."""

    record: VersionRecord
    note: Note
    public: bytes


@dataclass(frozen=True, slots=True)
class Authority:
    """The keys and ids of one workspace, and the rules by which its rows are believed."""

    store_id: bytes
    workspace_id: bytes
    workspace: str
    keyring: Keyring
    trie: Trie
    oldest: int = 1
    """The first epoch that is not retired: documents of those before are not believed."""
    since: int = 1
    """The epoch that was current when the keys were read: states of those before are not believed."""

    @staticmethod
    def of(row: WorkspaceRow, keyring: Keyring) -> Authority:
        """Who believes the rows of a workspace that exists.

        :param keyring: opened from what was read in the same moment as the row. An epoch that is retired there is not
            believed, whatever a state says that may have been signed with its key.
        """
        epoch = keyring.current.epoch
        return Authority(keyring.store_id, row.id, row.name, keyring, Trie(), keyring.oldest, epoch)

    def fits(self, purpose: bytes, record: bytes, mac: bytes, *, after: bytes = b"") -> bool:
        """Whether the MAC of a record, which may cover what stands before it, is right."""
        try:
            epoch = record_epoch(record)
            if epoch < self._first(purpose):
                return False
            key = self.keyring.epoch(epoch)
        except (Malformed, TypeError, SealBroken):  # TypeError: a column that holds no bytes
            return False
        return key.verify(purpose, after + record, mac)

    def _first(self, purpose: bytes) -> int:
        """The first epoch of which a record of this purpose is believed."""
        if purpose == STATE_PURPOSE:
            return self.since
        return 1 if purpose == AUDIT_PURPOSE else self.oldest

    def learn_keys(self, view: View, row: WorkspaceRow) -> None:
        """Read the keys again where the state of the workspace is under one that this process does not know yet."""
        try:
            epoch = record_epoch(row.record)
        except (Malformed, TypeError):
            return
        if epoch not in self.keyring.epochs:
            self.keyring.learn(view.keys(self.workspace_id))

    def state(self, row: WorkspaceRow | None) -> StateRecord:
        """The state of the workspace.

        :raises HeadTampered: its row is gone, was changed, or is that of another workspace.
        """
        if row is None or not self.fits(STATE_PURPOSE, row.record, row.mac):
            raise HeadTampered(f"The state of the workspace {self.workspace!r} was changed or is gone.", REMEDY)
        state = decoded(StateRecord.decode, row.record, HeadTampered, f"The state of the workspace {self.workspace!r}")
        if (state.store, state.workspace, state.name) != (self.store_id, self.workspace_id, self.workspace):
            raise HeadTampered(f"The state of the workspace {self.workspace!r} is that of another.", REMEDY)
        return state

    def head(self, view: View, state: StateRecord, name: str) -> HeadRecord | None:
        """The head of a document, or None where it is proven that there is none of this name.

        :raises IntegrityError: the head was changed, removed or put back.
        """
        return self.believed_head(view, state, name, view.head(self.workspace_id, name))

    def believed_head(self, view: View, state: StateRecord, name: str, row: HeadRow | None) -> HeadRecord | None:
        """As :meth:`head`, of a row that is at hand."""
        head = None if row is None else self.authentic_head(name, row)
        mac = self.trie.find(state.root, path_of(name), lambda paths: view.nodes(self.workspace_id, paths))
        if row is None and mac is not None:
            raise HiddenVersion(f"The block {name} is gone, though nobody destroyed it.", REMEDY)
        if row is not None and mac != row.mac:
            raise RollbackDetected(f"The block {name} is not as it was left: an old state was put back.", REMEDY)
        return head

    def version(self, view: View, head: HeadRecord, number: int) -> ProvenVersion:
        """A version of a document, as far as it can be told without opening it.

        :raises IntegrityError: it is gone or was changed.
        """
        return next(self.versions(view, head, [number]))

    def versions(self, view: View, head: HeadRecord, numbers: Sequence[int]) -> Iterator[ProvenVersion]:
        """As :meth:`version`, of many, in the order of the numbers."""
        rows = view.outlines((head.document, number) for number in numbers)
        for number, row in zip(numbers, rows, strict=True):
            yield self.believed_version(head, there(row, head, number))

    def version_row(self, view: View, head: HeadRecord, number: int) -> VersionRow:
        """The row of a version that has to be there, not yet believed.

        :raises HiddenVersion: it is not.
        """
        return there(view.version(head.document, number), head, number)

    def believed_version(self, head: HeadRecord, row: VersionRow | VersionOutline) -> ProvenVersion:
        """As :meth:`version`, of a row that is at hand."""
        what = f"{head.name}@{row.number}"
        if row.number > head.last:
            raise HiddenVersion(f"{what} stands in the registry, and the head of {head.name} does not name it.", REMEDY)
        record = self.authentic_version(head.name, head.document, row)
        if row.number == head.current and record.body_hash != head.body_hash:
            raise RollbackDetected(f"{what} is not the version that its head names.", REMEDY)
        if not _is_hash(record.note_hash, row.note):
            raise VersionTampered(f"The date, actor or message of {what} was changed.", REMEDY)
        self._check_sealed(head, record, row, what)
        note = decoded(Note.decode, row.note, VersionTampered, f"The date, actor or message of {what}")
        return ProvenVersion(record, note, row.public)

    def check_body(self, head: HeadRecord, record: VersionRecord, body: bytes) -> None:
        """After a body was opened: that it is the very one that was saved, not one sealed later with the same key.

        :raises RollbackDetected: it is another.
        """
        if not _is_hash(record.body_hash, body):
            what = f"{head.name}@{record.number}"
            raise RollbackDetected(f"The body of {what} opens, and is not the one that was saved.", REMEDY)

    def binding(self, record: VersionRecord) -> Binding:
        """What the seal of a version is bound to."""
        return Binding(
            store_id=self.store_id,
            workspace_id=self.workspace_id,
            document_id=record.document,
            generation=record.generation,
            version=record.number,
            type=record.type,
            schema=record.schema,
            note_hash=record.note_hash,
            public_hash=record.public_hash,
        )

    def signed_state(self, state: StateRecord) -> WorkspaceRow:
        """The row of a state, under the current key."""
        key = self.keyring.current
        record = replace(state, epoch=key.epoch).encode()
        return WorkspaceRow(self.workspace_id, self.workspace, record, key.mac(STATE_PURPOSE, record))

    def signed_head(self, head: HeadRecord) -> HeadRow:
        """The row of a head, under the current key."""
        key = self.keyring.current
        record = replace(head, epoch=key.epoch).encode()
        return HeadRow(head.name, head.document, record, key.mac(HEAD_PURPOSE, record), path_of(head.name))

    def authentic_head(self, name: str, row: HeadRow) -> HeadRecord:
        """A head that was written with the workspace key, at whatever time.

        :raises HeadTampered: it was changed, or is that of another document.
        """
        if not self.fits(HEAD_PURPOSE, row.record, row.mac):
            raise HeadTampered(f"The head of {name} was changed.", REMEDY)
        head = decoded(HeadRecord.decode, row.record, HeadTampered, f"The head of {name}")
        if (head.name, head.document) != (name, row.document):
            raise HeadTampered(f"The head of {name} is that of another block.", REMEDY)
        return head

    def authentic_version(self, name: str, document: bytes, row: VersionRow | VersionOutline) -> VersionRecord:
        """The record of a version that was written with the workspace key for this place; its head, and the note,
        projection and wrap that stand beside it, are not looked at.

        :raises VersionTampered: it was changed, or is that of another version.
        """
        if not self.fits(VERSION_PURPOSE, row.record, row.mac):
            raise VersionTampered(f"The record of {name}@{row.number} was changed.", REMEDY)
        record = decoded(VersionRecord.decode, row.record, VersionTampered, f"The record of {name}@{row.number}")
        if (record.document, record.number) != (document, row.number):
            raise VersionTampered(f"In the place of {name}@{row.number} stands another version.", REMEDY)
        return record

    def _check_sealed(
        self, head: HeadRecord, record: VersionRecord, row: VersionRow | VersionOutline, what: str
    ) -> None:
        if head.is_destroyed(row.number):
            if row.wrap is not None or row.public or row.has_body:
                raise RollbackDetected(f"{what} was destroyed, and somebody put it back.", REMEDY)
            return
        if not _is_hash(record.public_hash, row.public):
            raise PublicFieldsTampered(f"The public fields of {what} were changed.", REMEDY)
        if row.wrap is None:
            raise VersionTampered(f"The data key of {what} is gone, though nobody destroyed it.", REMEDY)


def there(row: V | None, head: HeadRecord, number: int) -> V:
    """The row of a version, which has to be there.

    :raises HiddenVersion: it is not.
    """
    if row is None:
        raise HiddenVersion(f"Version {number} of {head.name} is gone, though nobody destroyed it.", REMEDY)
    return row


def decoded(decode: Callable[[bytes], R], data: bytes, error: type[IntegrityError], what: str) -> R:
    """An authentic record, unless who wrote it did so in a way of his own: a newer version, or a faulty one."""
    try:
        return decode(data)
    except Malformed as problem:
        raise error(
            f"{what} is authentic, and written in a way that this version does not know: {problem}.",
            "Use the version of Strongroom that wrote it, or restore the registry from a backup.",
        ) from None


def _is_hash(digest: bytes, column: object) -> bool:
    """Whether a column, which may hold anything, has the bytes that were hashed."""
    return isinstance(column, bytes) and hashed(column) == digest


def named(error: IntegrityError, what: str) -> IntegrityError:
    """The same error, with the document and version that it is about."""
    return type(error)(f"{what}: {error.problem}", error.remedy)
