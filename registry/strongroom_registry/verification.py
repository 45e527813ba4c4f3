"""Going through everything that a workspace holds, and naming each row that is not as it was left."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, pairwise

from strongroom_registry.audit import AUDIT_PURPOSE, CHAIN_START, AuditEntry, AuditReport, decode_entry
from strongroom_registry.authority import REMEDY, Authority, decoded, named
from strongroom_registry.document import Reference
from strongroom_registry.envelope import Sealed, open_sealed
from strongroom_registry.errors import AuditChainBroken, HiddenVersion, IntegrityError
from strongroom_registry.heads import HeadRecord, StateRecord
from strongroom_registry.listing import believed_heads
from strongroom_registry.stores.store import AuditRow, View
from strongroom_registry.tree import path_of


@dataclass(frozen=True, slots=True)
class Problem:
    """One row that is not as it was left. ``name`` is empty where even that is gone; ``version`` None means the
    head."""

    name: str
    version: int | None
    error: IntegrityError


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """What going through everything found: how much there is, and what is wrong with it."""

    documents: int
    versions: int
    problems: tuple[Problem, ...]

    @property
    def ok(self) -> bool:
        return not self.problems


def verify_documents(authority: Authority, view: View, state: StateRecord) -> VerifyReport:
    """Check every head, open every version, and look for what is missing or should not be there."""
    problems: list[Problem] = []
    rows = list(view.heads(authority.workspace_id))
    names = [row.name for row in rows]
    versions = 0
    uses = {(use.user, use.number, use.used) for use in view.all_uses(authority.workspace_id)}
    for row, head in believed_heads(authority, view, state, rows):
        if isinstance(head, IntegrityError):
            problems.append(Problem(row.name, None, head))
            continue
        versions += head.last
        problems += _bad_versions(authority, view, head, uses)
    problems += _missing_heads(authority, view, state, names)
    return VerifyReport(len(names), versions, tuple(problems))


def _bad_versions(
    authority: Authority, view: View, head: HeadRecord, uses: set[tuple[str, int, str]]
) -> Iterator[Problem]:
    for number in range(1, head.last + 1):
        try:
            _check_opens(authority, view, head, number, uses)
        except IntegrityError as exc:
            yield Problem(head.name, number, exc)
    for row in view.versions(head.document):
        if type(row.number) is not int:
            unnumbered = HiddenVersion(f"A version of {head.name} stands there without a number.", REMEDY)
            yield Problem(head.name, None, unnumbered)
        elif not 1 <= row.number <= head.last:
            unnamed = HiddenVersion(f"{head.name}@{row.number} stands there, and its head does not name it.", REMEDY)
            yield Problem(head.name, row.number, unnamed)


def _check_opens(
    authority: Authority, view: View, head: HeadRecord, number: int, uses: set[tuple[str, int, str]]
) -> None:
    row = authority.version_row(view, head, number)
    record, note, _ = authority.believed_version(head, row)
    if row.wrap is None:
        return
    try:
        key = authority.keyring.epoch(record.epoch)
        open_sealed(key, authority.binding(record), Sealed(row.wrap, row.body))
    except IntegrityError as exc:
        raise named(exc, f"{head.name}@{number}") from None
    authority.check_body(head, record, row.body)
    for name in (Reference.parse(reference).name for reference in note.references):
        if (head.name, number, name) not in uses:
            raise HiddenVersion(f"That {head.name}@{number} uses {name} is told to nobody who asks for it.", REMEDY)


def _missing_heads(authority: Authority, view: View, state: StateRecord, names: list[str]) -> Iterator[Problem]:
    present = {path_of(name) for name in names}
    try:
        for leaf in authority.trie.leaves(state.root, lambda paths: view.nodes(authority.workspace_id, paths)):
            if leaf.path not in present:
                gone = HiddenVersion(f"A block is gone whose name hashes to {leaf.path[:16]}….", REMEDY)
                yield Problem("", None, gone)
    except IntegrityError as exc:
        yield Problem("", None, exc)


def verify_audit(authority: Authority, view: View, state: StateRecord) -> AuditReport:
    """Follow the chain from its start to the entry that the state of the workspace names."""
    mac, seq = CHAIN_START, 0
    for row in view.audit(authority.workspace_id):
        seq += 1
        if row.seq != seq:
            skipped = type(row.seq) is int and row.seq > seq
            return _broken(seq, "is gone" if skipped else "is not where it belongs")
        if seq > state.audit_seq:
            return _broken(seq, "was added by somebody else")
        if not authority.fits(AUDIT_PURPOSE, row.record, row.mac, after=mac):
            return _broken(seq, "was changed or moved")
        mac = row.mac
    if seq < state.audit_seq:
        return _broken(seq + 1, f"is gone, and the newest is {state.audit_seq}")
    if mac != state.audit_mac:
        return _broken(seq, "is not the one that was written last")
    return AuditReport(entries=seq)


def proven_entries(authority: Authority, view: View, state: StateRecord) -> Iterator[AuditEntry]:
    """The entries, the newest first, each once the chain from the state of the workspace down to it is proven.

    :raises AuditChainBroken: an entry was changed, removed, inserted or moved.
    """
    for row in _proven_rows(authority, view, state):
        yield decoded(decode_entry, row.record, AuditChainBroken, f"Audit entry {row.seq}")


def proven_mac(authority: Authority, view: View, state: StateRecord, seq: int) -> bytes:
    """The MAC of an entry, 0 being the start of the chain, once the chain from the state down to it is proven.

    :param seq: at most that of the newest entry.
    :raises AuditChainBroken: an entry that is later was changed, removed, inserted or moved.
    """
    if seq == state.audit_seq:
        return state.audit_mac
    return next((row.mac for row in _proven_rows(authority, view, state) if row.seq == seq), CHAIN_START)


def _proven_rows(authority: Authority, view: View, state: StateRecord) -> Iterator[AuditRow]:
    seq, mac = state.audit_seq, state.audit_mac
    rows: Iterator[AuditRow | None] = view.audit(authority.workspace_id, newest_first=True)
    for row, older in pairwise(chain(rows, [None])):
        before = CHAIN_START if older is None else older.mac
        if row is None or (row.seq, row.mac) != (seq, mac) or not isinstance(before, bytes):
            raise _changed_entry(seq)
        if not authority.fits(AUDIT_PURPOSE, row.record, row.mac, after=before):
            raise _changed_entry(seq)
        yield row
        seq, mac = seq - 1, before
    if seq:
        raise _changed_entry(seq)


def _changed_entry(seq: int) -> AuditChainBroken:
    return AuditChainBroken(f"Audit entry {seq} was changed, moved or removed.", REMEDY)


def _broken(seq: int, how: str) -> AuditReport:
    return AuditReport(seq - 1, seq, AuditChainBroken(f"Audit entry {seq} {how}.", REMEDY))
