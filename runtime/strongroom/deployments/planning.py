"""Runs of schedules, made ahead of time so that everybody sees what comes, and so that nobody makes one twice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from strongroom.deployments import due_runs
from strongroom.deployments.records import Deployment, DueRun, StoredSchedule, micros
from strongroom.deployments.store import schedule_parameters
from strongroom.ledger import Session
from strongroom.run_names import random_name
from strongroom.shown import shown

LEAST_RUNS = 3
MOST_RUNS = 100
AHEAD = timedelta(hours=1)
FARTHEST = timedelta(days=100)
RECENT = timedelta(minutes=1)
"""Dates that passed longer ago, while nobody planned, are left out."""


def plan(session: Session, deployments: Sequence[Deployment], now: datetime) -> list[tuple[Deployment, DueRun]]:
    """Make the runs that the schedules of these deployments want next; gives those that are new.

    Of each schedule at least three runs wait, and those of the next hour, but no more than a hundred, and none of them
    more than a hundred days away. Dates that were planned before are never planned again, however the clock is set.
    """
    made = []
    for deployment in deployments:
        if deployment.paused:
            continue
        for schedule in deployment.schedules:
            if schedule.active:
                made += [(deployment, run) for run in _plan(session, deployment, schedule, now)]
    return made


def _plan(session: Session, deployment: Deployment, schedule: StoredSchedule, now: datetime) -> list[DueRun]:
    [(waiting,)] = session.execute(
        "SELECT count(*) FROM deployment_runs WHERE schedule_id = ? AND due > ? "
        "AND stage IN ('scheduled', 'late', 'queued')",
        *(str(schedule.id), micros(now)),
    )
    after = schedule.planned if schedule.planned > now - RECENT else now
    runs: list[DueRun] = []
    for due in schedule.schedule.dates(after):
        count = waiting + len(runs)
        if count >= MOST_RUNS or due > now + FARTHEST or (count >= LEAST_RUNS and due > now + AHEAD):
            break
        runs.append(_run(deployment, schedule, due))
    if runs:
        parameters = schedule_parameters(session, schedule.id)
        runs = [replace(run, parameters_shown={**run.parameters_shown, **shown(parameters)}) for run in runs]
        for run in runs:
            due_runs.add(session, run, due_runs.seal_inputs(run.id, parameters))
        _note(session, schedule.id, runs[-1].due)
    return runs


def _run(deployment: Deployment, schedule: StoredSchedule, due: datetime) -> DueRun:
    return DueRun(
        uuid4(),
        deployment.id,
        schedule.id,
        due,
        "scheduled",
        random_name(),
        tags=(*deployment.definition.tags, "auto-scheduled"),
        parameters_shown=deployment.definition.parameters_shown,
    )


def _note(session: Session, schedule_id: UUID, planned: datetime) -> None:
    session.execute(
        "UPDATE deployment_schedules SET planned = ? WHERE id = ? AND planned < ?",
        *(micros(planned), str(schedule_id), micros(planned)),
    )
