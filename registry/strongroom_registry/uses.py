"""Who refers to whom: looked up where versions were saved, and believed where their notes say so."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from strongroom_registry.authority import Authority
from strongroom_registry.changes import Change
from strongroom_registry.document import PREVIOUS, DocumentState, Reference
from strongroom_registry.errors import DocumentInUse
from strongroom_registry.heads import HeadRecord, StateRecord
from strongroom_registry.stores.store import View


def users(authority: Authority, view: View, state: StateRecord, name: str) -> Iterator[tuple[HeadRecord, int]]:
    """The live documents that refer to one, each with the version that does: its current one, or one that a label
    stands on."""
    for row in view.uses(authority.workspace_id, name):
        head = authority.head(view, state, row.user)
        if head is not None and head.state is DocumentState.LIVE and _is_loaded(head, row.number):
            note = authority.version(view, head, row.number).note
            if any(Reference.parse(reference).name == name for reference in note.references):
                yield head, row.number


def doomed(change: Change, head: HeadRecord) -> list[HeadRecord]:
    """A document and all that refer to it, directly or through others; itself first."""
    found = {head.name: head}
    waiting = [head.name]
    while waiting:
        for user, _ in users(change.authority, change.transaction, change.state, waiting.pop()):
            if user.name not in found:
                found[user.name] = user
                waiting.append(user.name)
    return list(found.values())


def in_use(name: str, by: Sequence[HeadRecord]) -> DocumentInUse:
    """The refusal to delete a document that others refer to."""
    names = ", ".join(head.name for head in by[:5]) + (f" and {len(by) - 5} more" if len(by) > 5 else "")
    return DocumentInUse(
        f"{name} is used by {names}.", "Change or delete these first, or delete them all with --cascade."
    )


def _is_loaded(head: HeadRecord, number: int) -> bool:
    if number < head.first or head.is_destroyed(number):
        return False
    return number == head.current or any(at == number for label, at in head.labels.items() if label != PREVIOUS)
