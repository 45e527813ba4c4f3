"""The anchor that the settings name, for the commands that hold a registry against it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from strongroom_registry.anchor import Anchor
    from strongroom_registry.anchoring import Anchoring
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
    anchoring = _anchoring(registry)
    return None if anchoring is None else anchoring.read()


def anchor_problem(registry: Registry) -> IntegrityError | None:
    """What is wrong with a registry by its anchor, which was opened without looking at that.

    :raises AnchorUnavailable: there is to be an anchor, and none can be read.
    """
    from strongroom_registry.errors import IntegrityError

    anchoring = _anchoring(registry)
    if anchoring is None:
        return None
    try:
        registry.check_anchor(anchoring.kept())
    except IntegrityError as problem:
        return problem
    return None


def _anchoring(registry: Registry) -> Anchoring | None:
    from strongroom_registry.anchoring import Anchoring

    store, here = anchor_store(), registry.anchor()
    return None if store is None else Anchoring(store, here.store_id.bytes, here.workspace_id.bytes)
