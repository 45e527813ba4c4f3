"""One change of a workspace: rows, trie, audit and state, written together or not at all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from strongroom_registry.audit import AUDIT_PURPOSE, Subject, encode_subject
from strongroom_registry.authority import Authority, ProvenVersion
from strongroom_registry.document import Reference
from strongroom_registry.envelope import seal
from strongroom_registry.heads import (
    HEAD_PURPOSE,
    VERSION_PURPOSE,
    HeadRecord,
    Note,
    StateRecord,
    VersionRecord,
    hashed,
)
from strongroom_registry.stores.store import AuditRow, HeadRow, Transaction, UseRow, VersionRow, WorkspaceRow
from strongroom_registry.tree import Leaf, Replacement, path_of


class Change:
    """What a change may do, over a transaction that has begun; :meth:`finish` has to come last.

    :param state: the believed state of the workspace within the transaction.
    :param note: what identifies the request that it came with.
    """

    def __init__(
        self,
        authority: Authority,
        transaction: Transaction,
        state: StateRecord,
        *,
        actor: str,
        now: datetime,
        note: str = "",
    ) -> None:
        self._authority = authority
        self._transaction = transaction
        self._state = replace(state, seq=state.seq + 1, epoch=authority.keyring.current.epoch)
        self.actor = actor
        self._note = note
        self.now = now

    @property
    def authority(self) -> Authority:
        """What the rows of this change are believed and signed by."""
        return self._authority

    @property
    def transaction(self) -> Transaction:
        """The transaction that this change is made in."""
        return self._transaction

    @property
    def state(self) -> StateRecord:
        """The state of the workspace as this change has it so far."""
        return self._state

    def head(self, name: str) -> HeadRecord | None:
        """The believed head of a document, or None."""
        return self._authority.head(self._transaction, self._state, name)

    def version(self, head: HeadRecord, number: int) -> ProvenVersion:
        """A believed version."""
        return self._authority.version(self._transaction, head, number)

    def put_head(self, head: HeadRecord) -> HeadRecord:
        """Write a head, and the way to it in the trie."""
        head = replace(head, seq=self._state.seq, updated_at=self.now)
        row = self._authority.signed_head(head)
        self._transaction.put_heads(self._authority.workspace_id, [row])
        leaf = Leaf(row.path, row.mac)
        root, nodes = self._authority.trie.insert(self._state.root, leaf, self._nodes)
        self._transaction.put_nodes(self._authority.workspace_id, nodes)
        self._state = replace(self._state, root=root)
        return head

    def resign(self, heads: Sequence[HeadRecord]) -> None:
        """Write heads as they are, under the current key."""
        if not heads:
            return
        rows = [self._authority.signed_head(head) for head in heads]
        self._transaction.put_heads(self._authority.workspace_id, rows)
        leaves = [Leaf(row.path, row.mac) for row in rows]
        root, nodes = self._authority.trie.insert_all(self._state.root, leaves, self._nodes)
        self._transaction.put_nodes(self._authority.workspace_id, nodes)
        self._state = replace(self._state, root=root)

    def renew(self, rows: Sequence[HeadRow]) -> tuple[list[HeadRow], list[HeadRow]]:
        """Write heads whose MACs were checked as they are, under the current key. Which were written, and which were
        not because the trie does not bear them out."""
        if not rows:
            return [], []
        key = self._authority.keyring.current
        epoch = key.epoch.to_bytes(4, "big")
        former = {path_of(row.name): row for row in rows}
        renewed: dict[str, HeadRow] = {}
        replacements: dict[str, Replacement] = {}
        for path, row in former.items():
            record = epoch + row.record[4:]
            mac = key.mac(HEAD_PURPOSE, record)
            renewed[path] = HeadRow(row.name, row.document, record, mac, row.path)
            replacements[path] = Replacement(row.mac, mac)
        root, nodes, refused = self._authority.trie.replace_all(self._state.root, replacements, self._nodes)
        written = [row for path, row in renewed.items() if path not in refused]
        self._transaction.put_heads(self._authority.workspace_id, written)
        self._transaction.put_nodes(self._authority.workspace_id, nodes)
        self._state = replace(self._state, root=root)
        return written, [former[path] for path in refused]

    def retire_before(self, oldest: int) -> None:
        """Have no document of an epoch before this one be believed any more."""
        self._state = replace(self._state, oldest=oldest)

    def put_uses(self, head: HeadRecord, references: Iterable[str]) -> None:
        """Write down that the version that was added to a head refers to others."""
        names = {Reference.parse(reference).name for reference in references}
        rows = [UseRow(name, head.name, head.last) for name in sorted(names)]
        self._transaction.put_uses(self._authority.workspace_id, rows)

    def put_version(self, record: VersionRecord, note: Note, public: bytes, payload: bytes) -> ProvenVersion:
        """Seal and write a version; the hashes in ``record`` are filled in here."""
        key = self._authority.keyring.current
        encoded_note = note.encode()
        record = replace(record, epoch=key.epoch, note_hash=hashed(encoded_note), public_hash=hashed(public))
        wrap, body = seal(key, self._authority.binding(record), payload)
        record = replace(record, body_hash=hashed(body))
        encoded = record.encode()
        mac = key.mac(VERSION_PURPOSE, encoded)
        row = VersionRow(record.number, encoded, mac, encoded_note, public, wrap, body)
        self._transaction.put_version(record.document, row)
        return ProvenVersion(record, note, public)

    def blank_version(self, head: HeadRecord, number: int) -> None:
        """Destroy a version: its data key, payload and projection go, what it was stays on record."""
        row = self._authority.version_row(self._transaction, head, number)
        self._authority.believed_version(head, row)
        self._transaction.put_version(head.document, row._replace(wrap=None, public=b"", body=b""))
        self._transaction.remove_uses(self._authority.workspace_id, head.name, number)

    def audit(self, subject: Subject, count: int = 1) -> None:
        """Add an entry to the audit."""
        self.audit_all([(subject, count)])

    def audit_all(self, subjects: Iterable[tuple[Subject, int]]) -> None:
        """Add entries to the audit: what they speak of, and how often it happened."""
        named = (
            (subject, count)
            if subject.actor
            else (subject._replace(actor=self.actor, message=noted(subject.message, self._note)), count)
            for subject, count in subjects
        )
        self._state, rows = audited(self._authority, self._state, self.now, named)
        self._transaction.append_audit(self._authority.workspace_id, rows)

    def finish(self) -> tuple[StateRecord, WorkspaceRow]:
        """Write the state of the workspace."""
        row = self._authority.signed_state(self._state)
        self._transaction.put_workspace(row)
        return self._state, row

    def _nodes(self, paths: Sequence[str]) -> Iterator[bytes | None]:
        return self._transaction.nodes(self._authority.workspace_id, paths)


def audited(
    authority: Authority, state: StateRecord, now: datetime, subjects: Iterable[tuple[Subject, int]]
) -> tuple[StateRecord, list[AuditRow]]:
    """The rows of entries that follow those of a state, and the state with them.

    :param subjects: with an actor each, and how often.
    """
    key = authority.keyring.current
    seq, mac, rows = state.audit_seq, state.audit_mac, []
    for subject, count in subjects:
        seq += 1
        record = encode_subject(key.epoch, seq, now, subject, count)
        mac = key.mac(AUDIT_PURPOSE, mac + record)
        rows.append(AuditRow(seq, record, mac))
    return replace(state, audit_seq=seq, audit_mac=mac), rows


def noted(message: str, note: str) -> str:
    """What somebody said of a change, and what identifies the request that it came with."""
    return f"{message} [{note}]".lstrip() if note else message
