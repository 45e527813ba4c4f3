"""What the client is asked to make or change: ``GlobalConcurrencyLimitCreate(name="database", limit=5)``."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from strongroom.schedules import Schedule


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


def DeploymentScheduleCreate(  # noqa: N802  the documented name
    *, schedule: Schedule, active: bool = True, parameters: dict[str, Any] | None = None, slug: str | None = None
) -> Schedule:
    """A schedule with what goes with it in a deployment, for ``to_deployment(schedules=[…])``."""
    return replace(schedule, active=active, parameters=parameters or {}, slug=slug)
