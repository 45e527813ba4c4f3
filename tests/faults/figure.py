"""What a row of the evidence is made of: what was tried, how often, and what was not as promised."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from faults.places import Places

SHOWN = 5
"""How many failures are described; all are counted."""


@dataclass(frozen=True, slots=True)
class Work:
    """What a row is run with.

    :param folder: an empty folder of its own.
    :param scale: 1.0 is all that the evidence promises.
    :param seed: of everything random.
    :param places: where registries can be made.
    """

    folder: Path
    scale: float
    seed: int
    places: Places

    def count(self, whole: int, least: int = 1) -> int:
        """How many of ``whole`` are tried at this scale, never fewer than ``least``."""
        return min(whole, max(least, round(whole * self.scale)))

    def dice(self, *parts: object) -> random.Random:
        """Random numbers that are the same for the same seed and parts, whatever else is run."""
        return random.Random("/".join(map(str, (self.seed, *parts))))


@dataclass(slots=True)
class Figure:
    """One line of the evidence. It holds where something was tried and nothing failed.

    :param row: the number of the row of the table that it belongs to.
    :param what: what was tried, in a few words.
    :param store: the store that it was tried on; empty where there is none.
    :param tried: how many times.
    :param failed: how many times it was not as promised.
    :param failures: the first few of these, each in a sentence.
    :param seen: how often each outcome was seen.
    :param remark: what a reader has to know beside the numbers.
    """

    row: int
    what: str
    store: str = ""
    tried: int = 0
    failed: int = 0
    failures: list[str] = field(default_factory=list)
    seen: Counter[str] = field(default_factory=Counter)
    remark: str = ""

    @property
    def holds(self) -> bool:
        return self.tried > 0 and self.failed == 0

    def add(self, outcome: str, problem: str | None = None) -> None:
        """Count one try: what came out, and what was wrong with it, if anything."""
        self.tried += 1
        self.seen[outcome] += 1
        if problem is not None:
            self.failed += 1
            if len(self.failures) < SHOWN:
                self.failures.append(problem)

    def as_json(self) -> dict[str, Any]:
        return {
            "row": self.row,
            "what": self.what,
            "store": self.store,
            "tried": self.tried,
            "failed": self.failed,
            "failures": self.failures,
            "seen": dict(sorted(self.seen.items())),
            "remark": self.remark,
        }


def broken(figures: Sequence[Figure]) -> list[str]:
    """What does not hold, in words for a test to show."""
    return [
        f"{figure.what} ({figure.store}): {figure.failed} of {figure.tried} failed: {figure.failures}"
        for figure in figures
        if not figure.holds
    ]
