"""The registry that a command works on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from strongroom_registry.registry import Registry


@contextmanager
def opened_registry(
    *, create: bool = False, anchor: str | None = None, workspace: str | None = None
) -> Iterator[Registry]:
    """Open the registry that the settings name, mean it within the block, and close it, which writes the audit's last
    entries. Commands that only read do not create one.

    :param anchor: another place for its anchor than the settings name; an empty one is none.
    :param workspace: another workspace than the settings name.
    """
    from strongroom_registry.current import using
    from strongroom_registry.opening import open_registry

    with open_registry(create=create, anchor=anchor, workspace=workspace) as registry, using(registry):
        yield registry
