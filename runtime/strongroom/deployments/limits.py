"""How many runs of a deployment go on at once, and what becomes of those beyond."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from strongroom.errors import InvalidDeployment


class ConcurrencyLimitStrategy(StrEnum):
    """What becomes of a run that has no slot: it waits for one, or it is cancelled."""

    ENQUEUE = "ENQUEUE"
    CANCEL_NEW = "CANCEL_NEW"


@dataclass(frozen=True)
class ConcurrencyLimitConfig:
    """So many runs at once, in all processes together, and what becomes of those beyond."""

    limit: int
    collision_strategy: ConcurrencyLimitStrategy = ConcurrencyLimitStrategy.ENQUEUE

    def __post_init__(self) -> None:
        if self.limit < 1:
            raise InvalidDeployment(f"A limit of {self.limit} runs lets nothing run.", "Give 1 or more, or None.")
        object.__setattr__(self, "collision_strategy", ConcurrencyLimitStrategy(self.collision_strategy))


def slots_of(given: int | ConcurrencyLimitConfig | None) -> tuple[int | None, bool]:
    """How many slots there are, and whether new runs without one are cancelled."""
    if given is None:
        return None, False
    config = given if isinstance(given, ConcurrencyLimitConfig) else ConcurrencyLimitConfig(given)
    return config.limit, config.collision_strategy is ConcurrencyLimitStrategy.CANCEL_NEW
