"""The places where registries lie, named by URL."""

from strongroom_registry.stores.resolve import open_store, shown
from strongroom_registry.stores.store import Store

__all__ = ["Store", "open_store", "shown"]
