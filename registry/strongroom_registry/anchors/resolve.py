"""From a URI to the place where anchors are kept."""

from __future__ import annotations

from collections.abc import Callable

from strongroom_registry.anchors.file import AnchorFile
from strongroom_registry.anchors.store import AnchorStore
from strongroom_registry.errors import AnchorUnavailable

ENTRY_POINTS = "strongroom.anchors"


def open_anchor_store(uri: str) -> AnchorStore:
    """The place that a URI names: ``file:/path``, or a scheme that an installed distribution registers.

    :raises AnchorUnavailable: the URI names no such place.
    """
    scheme, colon, rest = uri.partition(":")
    if not colon or not rest:
        raise AnchorUnavailable(f"{uri!r:.80} names no place for anchors.", "Write file:/path in STRONGROOM_ANCHOR.")
    if scheme == "file":
        return AnchorFile.from_uri(uri)
    return _registered(scheme)(uri)


def _registered(scheme: str) -> Callable[[str], AnchorStore]:
    from importlib.metadata import entry_points  # some thirty modules, which few need

    for found in entry_points(group=ENTRY_POINTS, name=scheme):
        factory: Callable[[str], AnchorStore] = found.load()
        return factory
    known = sorted({"file", *(found.name for found in entry_points(group=ENTRY_POINTS))})
    raise AnchorUnavailable(
        f"Nothing keeps anchors at {scheme + ':'!r:.40}.",
        f"Use one of {', '.join(known)}, or install the collection that has it.",
    )
