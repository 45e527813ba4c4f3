"""What the run history says of runs of deployments before they begin, and of those that never end by themselves."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from strongroom.calls.call import record_state
from strongroom.clock import now
from strongroom.deployments.records import Deployment, DueRun
from strongroom.errors import JournalProblem
from strongroom.journal.current import current_journal
from strongroom.journal.records import FlowRun
from strongroom.states import AwaitingConcurrencySlot, Late, Scheduled, State

_STATES = {"scheduled": Scheduled, "late": Late, "queued": AwaitingConcurrencySlot}


def planned(deployment: Deployment, run: DueRun) -> FlowRun:
    """The record of a run that waits."""
    definition = deployment.definition
    state = _STATES.get(run.stage, Scheduled)(scheduled_time=run.due)
    record = FlowRun(
        run.id,
        run.name,
        deployment.flow_name,
        state,
        definition.version,
        parameters=run.parameters_shown,
        parameters_shown=run.parameters_shown,
        parent_flow_run_id=run.parent_flow_run_id,
        parent_task_run_id=run.parent_task_run_id,
        dynamic_key=run.dynamic_key,
        tags=frozenset(run.tags),
        entrypoint=definition.entrypoint,
        expected_start=run.due,
        deployment=deployment.full_name,
        idempotency_key=run.idempotency_key or "",
    )
    record_state(record, state)
    return record


def note_planned(runs: Iterable[tuple[Deployment, DueRun]]) -> None:
    """Runs wait from now on."""
    journal = current_journal()
    for deployment, run in runs:
        journal.save_flow_run(planned(deployment, run))
    journal.flush()


def note_state(run_id: UUID, state: State[Any]) -> None:
    """A run that no process carries out enters a state; nothing where the history does not know it, or it is over."""
    journal = current_journal()
    record = read(run_id)
    if record is None or record.state.is_final():
        return
    record_state(record, state)
    journal.save_flow_run(record)
    journal.flush()


def note_stage(run: DueRun, stage: str, message: str) -> None:
    """A run that waits is late, or waits for a slot."""
    note_state(run.id, _STATES[stage](message=message, scheduled_time=run.due))


def note_removed(run_ids: Iterable[UUID]) -> None:
    """Runs that were planned are not wanted any more: the history forgets them."""
    ids = list(run_ids)
    if ids:
        current_journal().remove(ids)


def read(run_id: UUID) -> FlowRun | None:
    """What the history has of a run; None where it has nothing, or cannot be read."""
    try:
        return current_journal().flow_run(str(run_id))
    except JournalProblem:
        return None


def is_late(run: DueRun, moment: datetime | None = None) -> bool:
    """Whether a run that waits should have begun a while ago."""
    from strongroom.deployments.due_runs import LATE_AFTER

    return run.stage == "scheduled" and (moment or now()) - run.due > LATE_AFTER
