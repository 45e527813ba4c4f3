"""The registry that a command works on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from strongroom_registry.registry import Registry


@contextmanager
def opened_registry(*, create: bool = False, anchor: str | None = None) -> Iterator[Registry]:
    """Open the registry that the settings name, mean it within the block, and close it, which writes the audit's last
    entries. Commands that only read do not create one. ``anchor`` names another place for its anchor than the settings
    do; an empty one is none."""
    from strongroom_registry.current import using
    from strongroom_registry.opening import open_registry

    with open_registry(create=create, anchor=anchor) as registry, using(registry):
        yield registry
