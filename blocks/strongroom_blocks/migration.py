"""Bringing stored documents to the present shape of their types: what a load does each time, done once for all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from strongroom_registry.document import DocumentState, Head
from strongroom_registry.errors import IntegrityError, RegistryRefusal, StaleExpectation

from strongroom_blocks import catalog, documents, schema
from strongroom_blocks.block import Block
from strongroom_blocks.errors import BlockError, SchemaMismatch, SchemaNewer, UnknownBlockType


class Outcome(StrEnum):
    """What became of a document.

    ``SAME``: it has the shape of its type. ``MIGRATED``: a new version has it now, or would get it. ``NEWER``: written
    by a newer class. ``MISMATCH``: no upgrade leads to the present shape. ``UNKNOWN``: its type is nowhere to be found.
    ``CHANGED``: somebody saved it meanwhile. ``REFUSED``: it cannot be read at all.
    """

    SAME = "same"
    MIGRATED = "migrated"
    NEWER = "newer"
    MISMATCH = "mismatch"
    UNKNOWN = "unknown type"
    CHANGED = "changed meanwhile"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Migration:
    """One document: from which schema to which (``version:fingerprint``), what became of it, and why where it stays.

    ``version`` is the number of the version that was written, or None.
    """

    name: str
    type: str
    outcome: Outcome
    written: str = ""
    wanted: str = ""
    version: int | None = None
    problem: str = ""

    @property
    def ok(self) -> bool:
        """Whether the document has, or would get, the shape of its type."""
        return self.outcome in (Outcome.SAME, Outcome.MIGRATED)


def migrate(names: Iterable[str] | None = None, *, dry_run: bool = False) -> Iterator[Migration]:
    """Save every live document whose schema is not that of its class as a new version, upgraded.

    The version before keeps its label ``previous``, an expiry is carried over, and a document that somebody else saves
    meanwhile is left to him. What does not fit is told of and stays as it is.

    :param names: only these documents; by default all.
    :param dry_run: load and upgrade, and write nothing.
    :raises UnknownDocument: there is none of a name that was given.
    """
    registry = documents.the_registry()
    heads = registry.list() if names is None else [registry.head(name) for name in names]
    for head in heads:
        yield _quarantined(head) if head.state is DocumentState.QUARANTINED else _migrated(head, dry_run)


def _migrated(head: Head, dry_run: bool) -> Migration:
    try:
        cls = catalog.class_for(head.type)
        written, wanted = head.schema, schema.schema_text(cls)
        if written == wanted:
            return Migration(head.name, head.type, Outcome.SAME, written, wanted)
        block = documents.load(Block, head.name)
        number = None if dry_run else _saved(block, head, written, wanted)
    except (BlockError, RegistryRefusal, IntegrityError) as refused:
        return Migration(head.name, head.type, _outcome(refused), problem=str(refused))
    return Migration(head.name, head.type, Outcome.MIGRATED, written, wanted, number)


def _saved(block: Block, head: Head, written: str, wanted: str) -> int:
    message = f"schema {written.partition(':')[0]} to {wanted.partition(':')[0]}"
    return block.save(head.name, message=message, expect=head.current, expires_at=head.expires_at).number


def _outcome(refused: Exception) -> Outcome:
    kinds = (
        (SchemaNewer, Outcome.NEWER),
        (SchemaMismatch, Outcome.MISMATCH),
        (UnknownBlockType, Outcome.UNKNOWN),
        (StaleExpectation, Outcome.CHANGED),
    )
    return next((outcome for kind, outcome in kinds if isinstance(refused, kind)), Outcome.REFUSED)


def _quarantined(head: Head) -> Migration:
    return Migration(head.name, head.type, Outcome.REFUSED, problem=head.quarantine or "")
