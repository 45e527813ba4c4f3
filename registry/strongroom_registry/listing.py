"""Saying what many documents are: each verified as if it were asked for alone, and read together with the others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

from strongroom_registry.authority import Authority, there
from strongroom_registry.document import Head, is_name
from strongroom_registry.errors import IntegrityError
from strongroom_registry.heads import HeadRecord, StateRecord
from strongroom_registry.lifecycle import head_of, known, quarantined
from strongroom_registry.stores.store import HeadRow, VersionOutline, View
from strongroom_registry.tree import path_of

_BATCH = 256


def listed(authority: Authority, view: View, state: StateRecord, rows: Sequence[HeadRow]) -> Iterator[Head]:
    """What each document is, in the order of the rows; quarantined where its rows are not as they were left."""
    believed = (
        quarantined(row.name, head) if isinstance(head, IntegrityError) else head
        for row, head in believed_heads(authority, view, state, rows)
    )
    while heads := list(islice(believed, _BATCH)):
        current = view.outlines((head.document, head.current) for head in heads if isinstance(head, HeadRecord))
        for head in heads:
            yield _described(authority, head, next(current)) if isinstance(head, HeadRecord) else head


def believed_heads(
    authority: Authority, view: View, state: StateRecord, rows: Sequence[HeadRow]
) -> Iterator[tuple[HeadRow, HeadRecord | IntegrityError]]:
    """What each row says, or what is wrong with it; the trie is gone through once for all of them."""
    paths = [path_of(row.name) if is_name(row.name) else "" for row in rows]
    macs = authority.trie.find_all(
        state.root, [path for path in paths if path], lambda wanted: view.nodes(authority.workspace_id, wanted)
    )
    for path, row in zip(paths, rows, strict=True):
        try:
            if macs.get(path) == row.mac:
                yield row, authority.authentic_head(row.name, row)
            else:  # says what is wrong
                yield row, known(authority.believed_head(view, state, row.name, row), row.name)
        except IntegrityError as exc:
            yield row, exc


def _described(authority: Authority, head: HeadRecord, row: VersionOutline | None) -> Head:
    try:
        return head_of(head, authority.believed_version(head, there(row, head, head.current)))
    except IntegrityError as exc:
        return quarantined(head.name, exc)
