"""The places where registries lie, named by URL."""

from strongroom_registry.stores.resolve import open_store
from strongroom_registry.stores.store import Store

__all__ = ["Store", "open_store"]
