"""What the client is asked to make or change: ``GlobalConcurrencyLimitCreate(name="database", limit=5)``."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class GlobalConcurrencyLimitCreate:
    """A limit that is to be made."""

    name: str
    limit: int
    active: bool = True
    slot_decay_per_second: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class GlobalConcurrencyLimitUpdate:
    """What is to be changed of a limit; what is None stays."""

    limit: int | None = None
    active: bool | None = None
    slot_decay_per_second: float | None = None
