"""What a block is by now that was loaded some time ago."""

from __future__ import annotations

from typing import TypeVar

from strongroom_blocks import documents, origin
from strongroom_blocks.block import Block

B = TypeVar("B", bound=Block)


def newer_version(block: B) -> B | None:
    """The latest version of a loaded block, where that is another one; for after a login that was refused.

    None for a block that was never saved or was changed since, one that was loaded at a version of its own
    (``name@3``).

    A run keeps to the versions that it began with; what it is refused with is worth nothing to it.

    :raises WrongBlockType: the latest version is of another type.
    """
    place = origin.of(block)
    if place is None or place.requested.version is not None:
        return None
    name, label = place.requested.name, place.requested.label
    head = documents.the_registry().head(name)
    number = head.current if label is None else head.labels.get(label)
    if number is None or number == place.resolved.version:
        return None
    return documents.load(type(block), place.requested.pinned(number))
