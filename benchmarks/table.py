"""What a benchmark prints: one row a comparison, as a ratio of ours to a peer measured in the same run."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """One comparison.

    :param name: what was done.
    :param ours: our median, in ``unit``.
    :param peer: the peer's median, in ``unit``; ``None`` where the figure stands alone.
    :param unit: ``"us"``, ``"ms"``, ``"s"``, ``"MiB"`` or ``"modules"``.
    :param target: the highest ratio (with a peer) or figure (without) that we promise; ``None`` for one
        that is only shown.
    :param note: who the peer is, and what else a reader has to know.
    """

    name: str
    ours: float
    peer: float | None
    unit: str
    target: float | None
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """Ours to the peer's; below 1 we are faster or smaller."""
        return None if not self.peer else self.ours / self.peer

    @property
    def met(self) -> bool | None:
        """Whether the promise holds; ``None`` where none was made."""
        figure = self.ours if self.peer is None else self.ratio
        return None if self.target is None or figure is None else figure <= self.target
