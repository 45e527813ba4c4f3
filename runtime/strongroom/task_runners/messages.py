"""What a worker tells the flow while it carries out a task, and at the end of it. Secrets were masked on the worker."""

from __future__ import annotations

import copy
import pickle
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias
from uuid import UUID

from strongroom_blocks.redaction import redactor

from strongroom.journal.records import FlowRun, LogEntry, TaskRun
from strongroom.results.sealed_records import LateRecord
from strongroom.states import State

if TYPE_CHECKING:
    from strongroom.artifacts.progress import Progress


@dataclass(frozen=True, slots=True)
class RunChanged:
    """A run entered a state: the task's own, or one that it began. ``attempt`` tells one carrying-out from the next."""

    run: TaskRun | FlowRun
    attempt: UUID


@dataclass(frozen=True, slots=True)
class BlocksLoaded:
    """The flow used these versions of blocks, on the worker, and bare names gave these first."""

    references: tuple[str, ...]
    pins: dict[str, int]


@dataclass(frozen=True, slots=True)
class Line:
    """A log record of a worker in another process, for the flow's process to handle."""

    attributes: dict[str, Any]


@dataclass(frozen=True, slots=True)
class RemoteOutcome:
    """How a run ended on a worker. ``body`` is the pickle of the state's data; None where that is kept elsewhere."""

    run: TaskRun
    body: bytes | None
    attempt: UUID


@dataclass(frozen=True, slots=True)
class Refused:
    """The worker could not begin the run: it cannot load the task, or its inputs."""

    why: str
    worker: str


Message: TypeAlias = "RunChanged | BlocksLoaded | Line | LogEntry | Progress"
Ending: TypeAlias = RemoteOutcome | Refused


def dumped(told: Message | Ending) -> bytes:
    """The bytes of a message: it holds nothing that is not Strongroom's own."""
    return pickle.dumps(told, protocol=5)


def undumped(body: bytes) -> Any:
    """The message."""
    return pickle.loads(body)  # noqa: S301  from this flow's own workers alone


def told_of_task(run: TaskRun) -> TaskRun:
    """A task run as it may travel: as it is now, without results and without secrets."""
    return replace(
        run,
        name=redactor.redact(run.name),
        explanation=redactor.redact(run.explanation),
        state=_without_data(run.state),
        history=list(run.history),
    )


def told_of_flow(run: FlowRun) -> FlowRun:
    """A flow run as it may travel."""
    result = run.result
    if result is not None and isinstance(result.inline, LateRecord):
        result = replace(result, inline=bytes(result.inline))
    return replace(
        run,
        name=redactor.redact(run.name),
        parameters={},
        parameters_shown=redactor.redact_value(run.parameters_shown),
        state=_without_data(run.state),
        history=list(run.history),
        blocks=list(run.blocks),
        result=result,
    )


def _without_data(state: State[Any]) -> State[Any]:
    bare = copy.copy(state)
    bare.data = None
    return bare
