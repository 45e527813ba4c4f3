"""Where a block was saved to or loaded from, kept beside its fields so that these may have any name."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from strongroom_registry.document import Reference

from strongroom_blocks import encoding

if TYPE_CHECKING:
    from strongroom_blocks.block import Block

B = TypeVar("B", bound="Block")

_remember = object.__setattr__


class Origin(NamedTuple):
    """``requested`` is how it was asked for, ``resolved`` the version that came; ``digest`` tells a changed block.

    The digest is Python's own ``hash`` of the payload: keyed at random in each process, so it says nothing elsewhere.
    """

    requested: Reference
    resolved: Reference
    digest: int
    exact: bool


@lru_cache(maxsize=4096)
def pinned(name: str, number: int) -> Reference:
    """The reference ``name@number``."""
    return Reference(name, None, number)


def remember(block: Block, requested: Reference, resolved: Reference, payload: bytes) -> None:
    """Note where ``block`` stands in the registry, and with which payload."""
    _remember(block, "__strongroom_origin__", Origin(requested, resolved, hash(payload), encoding.is_exact(payload)))


def carry(source: Block, copy: B) -> B:
    """A copy stands where its original does, until it is changed."""
    found = getattr(source, "__strongroom_origin__", None)
    if found is not None:
        _remember(copy, "__strongroom_origin__", found)
    return copy


def generic_of(cls: type[Block]) -> type[Block]:
    """``Box`` of ``Box[int]``; of other classes, the class."""
    found: type[Block] | None = cls.__pydantic_generic_metadata__["origin"]  # type: ignore[assignment]
    return found or cls


def of(block: Block) -> Origin | None:
    """Where the block stands in the registry; None if it was never there or was changed since."""
    found: Origin | None = getattr(block, "__strongroom_origin__", None)
    if found is None:
        return None
    try:
        same = hash(encoding.encode(block, exact=found.exact)) == found.digest
    except encoding.NeedsExact:
        return None
    return found if same else None


def reference_of(block: Block) -> Reference | None:
    """The pinned reference (``name@version``) of a block that was saved or loaded and not changed since, else None."""
    found = of(block)
    return found.resolved if found is not None else None
