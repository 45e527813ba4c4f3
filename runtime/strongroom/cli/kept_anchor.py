"""The anchor that the settings name, for the commands that hold a registry against it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from strongroom_registry.anchor import Anchor
    from strongroom_registry.anchors import AnchorStore
    from strongroom_registry.errors import IntegrityError
    from strongroom_registry.registry import Registry


def anchor_place() -> str | None:
    """The URI of the place where anchors are kept, or None."""
    from strongroom_registry.settings import RegistrySettings

    return RegistrySettings().anchor


def anchor_store() -> AnchorStore | None:
    """The place where anchors are kept, or None."""
    from strongroom_registry.anchors import open_anchor_store

    place = anchor_place()
    return open_anchor_store(place) if place else None


def kept_anchor(registry: Registry) -> Anchor | None:
    """The anchor that is kept of a workspace, not yet believed; None where there is none.

    :raises AnchorTampered: what stands there is none.
    """
    from strongroom_registry.anchor import Anchor

    store = anchor_store()
    line = store.read(registry.store_id, registry.anchor().workspace_id) if store else None
    return None if line is None else Anchor.parse(line)


def anchor_problem(registry: Registry) -> IntegrityError | None:
    """What is wrong with a registry by its anchor, which was opened without looking at that.

    :raises AnchorUnavailable: there is to be an anchor, and none can be read.
    """
    from strongroom_registry.errors import AnchorUnavailable, IntegrityError

    place = anchor_place()
    if place is None:
        return None
    try:
        kept = kept_anchor(registry)
        if kept is None:
            raise AnchorUnavailable(f"There is no anchor at {place}.", "Write one: strongroom anchor write")
        registry.check_anchor(kept)
    except IntegrityError as problem:
        return problem
    return None
