"""Registries with many documents, made in a time that can be waited for."""

from __future__ import annotations

from dataclasses import replace

from strongroom_registry import Registry
from strongroom_registry.heads import Note
from strongroom_registry.lifecycle import draft, successor

PORTION = 2_000


def fill(registry: Registry, documents: int, *, first: int = 0) -> None:
    """Save documents ``document-0``, ``document-1`` and so on, many in one transaction each, by the registry's own
    parts: the rows are those that :meth:`Registry.put` writes."""
    for start in range(first, documents, PORTION):
        with registry._access.changing() as change:
            heads = []
            for number in range(start, min(start + PORTION, documents)):
                head = replace(successor(None, f"document-{number}"), seq=change.state.seq, updated_at=change.now)
                note = Note(change.now, change.actor, "")
                public = b'{"base_url":"https://crm-%d.example.com","page_size":100}' % number
                version = change.put_version(draft(head, "crm", "schema"), note, public, b"payload %d" % number)
                heads.append(replace(head, body_hash=version.record.body_hash))
            change.resign(heads)
