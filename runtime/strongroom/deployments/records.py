"""What the ledger knows of flows that run by themselves: deployments, their schedules, their runs, work pools."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from strongroom.schedules import Schedule

DEFAULT_QUEUE = "default"
WAITING = ("scheduled", "late", "queued")
"""The stages of a run that nobody has taken."""


@dataclass(frozen=True)
class Definition:
    """What anybody may see of a deployment.

    ``entrypoint`` is read in ``folder``, unless the code comes from a source (``source`` tells people which).
    ``schema`` is the JSON Schema of the flow's parameters, None where it could not be made.
    """

    entrypoint: str
    folder: str
    source: str = ""
    version: str | None = None
    description: str | None = None
    tags: tuple[str, ...] = ()
    parameters_shown: dict[str, Any] = field(default_factory=dict)
    schema: dict[str, Any] | None = None
    enforces_schema: bool = True


@dataclass(frozen=True)
class Sealed:
    """What a deployment keeps to itself: parameters, where its code comes from, and the variables of its process.

    ``code`` is the entrypoint and the folder of the definition, which anybody may see and nobody may change.
    """

    parameters: dict[str, Any] = field(default_factory=dict, repr=False)
    source: Any = None
    job_variables: dict[str, Any] = field(default_factory=dict, repr=False)
    code: tuple[str, str] | None = None


@dataclass(frozen=True)
class Inputs:
    """What a run keeps to itself: the parameters and variables that go over those of its deployment."""

    parameters: dict[str, Any] = field(default_factory=dict, repr=False)
    job_variables: dict[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class StoredSchedule:
    """A schedule of a deployment. ``planned`` is the last date that has a run; ``given`` how it was written."""

    id: UUID
    schedule: Schedule
    given: str
    planned: datetime

    @property
    def active(self) -> bool:
        """Whether it plans runs."""
        return self.schedule.active


@dataclass(frozen=True)
class Deployment:
    """A deployment as the ledger has it. ``slots`` is how many of its runs may go on at once, None for any number."""

    id: UUID
    flow_name: str
    name: str
    definition: Definition
    sealed: bytes = field(repr=False)
    pool: str | None
    queue: str
    slots: int | None
    cancels_new: bool
    paused: bool
    created: datetime
    updated: datetime
    schedules: tuple[StoredSchedule, ...] = ()

    @property
    def full_name(self) -> str:
        """``flow/deployment``."""
        return f"{self.flow_name}/{self.name}"


@dataclass(frozen=True)
class DueRun:
    """A run of a deployment, from when it was planned until it ended.

    ``due`` is when it is wanted, ``holder`` the process that has it; ``inputs`` are sealed,
    and so is the ``state`` that it ended in.
    """

    id: UUID
    deployment_id: UUID
    schedule_id: UUID | None
    due: datetime
    stage: str
    name: str
    tags: tuple[str, ...] = ()
    parameters_shown: dict[str, Any] = field(default_factory=dict)
    parent_flow_run_id: UUID | None = None
    parent_task_run_id: UUID | None = None
    dynamic_key: str = ""
    idempotency_key: str | None = None
    holder: str | None = None
    inputs: bytes | None = field(default=None, repr=False)
    state: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True)
class WorkPool:
    """Where workers take runs from. ``slots`` is how many go on at once in all its workers, None for any number."""

    name: str
    type: str
    description: str | None
    slots: int | None
    paused: bool
    created: datetime


def micros(moment: datetime) -> int:
    """A time as the ledger has it."""
    return round(moment.timestamp() * 1_000_000)


def moment(micros: int) -> datetime:
    """The reverse of :func:`micros`."""
    return datetime.fromtimestamp(micros / 1_000_000, UTC)
