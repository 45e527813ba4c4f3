"""The places where anchors are kept, named by URI."""

from strongroom_registry.anchors.file import AnchorFile
from strongroom_registry.anchors.resolve import open_anchor_store
from strongroom_registry.anchors.store import AnchorStore

__all__ = ["AnchorFile", "AnchorStore", "open_anchor_store"]
