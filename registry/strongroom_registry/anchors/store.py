"""What keeps anchors: a place apart from the registries that they speak of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol
from uuid import UUID


class AnchorStore(Protocol):
    """Keeps one anchor, a line of text, for each workspace of each store. Safe to use from several processes.

    Third parties register one under the entry point group ``strongroom.anchors``: the name is the URI's scheme, the
    object is called with the whole URI and returns the store. Whoever can write there can undo what an anchor is for,
    so it should be a place that those who can write the registry's database cannot write.

    Every method raises :class:`~strongroom_registry.errors.AnchorUnavailable` where the place does not work, and none
    waits for it without an end.
    """

    @property
    def uri(self) -> str:
        """The place, as messages name it; holds no secret."""

    def read(self, store_id: UUID, workspace_id: UUID) -> str | None:
        """The line that is kept of a workspace, or None. Called often: before everything that a registry reads."""

    def update(self, store_id: UUID, workspace_id: UUID, choose: Callable[[str | None], str | None]) -> None:
        """Have ``choose`` say, of the line that is kept now, which is to stand there; None leaves it as it is.

        Nobody changes the line in between, and on return it will survive a crash. What ``choose`` raises is raised.
        ``choose`` may be called again, where the place finds out late that somebody was faster.
        """

    def check_writable(self) -> None:
        """Raise where it can be told, quickly, that :meth:`update` would fail."""
