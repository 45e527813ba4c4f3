"""Runs of deployments in the ledger: added, taken by one process alone, begun, given back, ended.

Each function is a part of a transaction that nobody else changes the ledger beside, so that no run is taken twice.
"""

# ruff: noqa: S608  all names in the statements are those of our own tables and columns

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from strongroom.deployments.records import DueRun, Inputs, micros, moment
from strongroom.ledger import Session
from strongroom.liveness import SILENCE
from strongroom.processes import has_ended
from strongroom.results.sealed_values import seal_value, unseal_value

LATE_AFTER = timedelta(seconds=15)
_COLUMNS = (
    "r.id, r.deployment_id, r.schedule_id, r.due, r.stage, r.definition, r.inputs, r.idempotency_key, r.holder, r.state"
)
_WAITING = "stage IN ('scheduled', 'late', 'queued')"
_ACTIVE = "stage IN ('taken', 'running')"


@dataclass(frozen=True)
class Scope:
    """Whose runs a process takes: those of some deployments, or of a pool (of some of its queues)."""

    deployment_ids: tuple[UUID, ...] = ()
    pool: str | None = None
    queues: tuple[str, ...] = ()

    def condition(self) -> tuple[str, tuple[Any, ...]]:
        """It as a condition on deployments, ``d``."""
        if self.pool is None:
            marks = ", ".join("?" * len(self.deployment_ids)) or "NULL"
            return f"d.id IN ({marks})", tuple(str(id_) for id_ in self.deployment_ids)
        if not self.queues:
            return "d.pool = ?", (self.pool,)
        return f"d.pool = ? AND d.queue IN ({', '.join('?' * len(self.queues))})", (self.pool, *self.queues)


def seal_inputs(run_id: UUID, parameters: dict[str, Any], job_variables: dict[str, Any] | None = None) -> bytes | None:
    """What a run has of its own, sealed; None where that is nothing."""
    given = Inputs(parameters, job_variables or {})
    return None if given == Inputs() else seal_value(given, _inputs_place(run_id))


def inputs_of(run: DueRun) -> Inputs:
    """What a run has of its own."""
    return Inputs() if run.inputs is None else unseal_value(run.inputs, _inputs_place(run.id))


def _inputs_place(run_id: UUID) -> str:
    return f"inputs of run {run_id}"


def state_place(run_id: UUID) -> str:
    """The place that the state of a run is bound to."""
    return f"state of run {run_id}"


def add(session: Session, run: DueRun, inputs: bytes | None) -> bool:
    """Have a run wait; False where the schedule has one for this date already."""
    shape = {
        "name": run.name,
        "tags": run.tags,
        "parameters_shown": run.parameters_shown,
        "parent_flow_run_id": _text(run.parent_flow_run_id),
        "parent_task_run_id": _text(run.parent_task_run_id),
        "dynamic_key": run.dynamic_key,
    }
    added = session.execute(
        "INSERT INTO deployment_runs (id, deployment_id, schedule_id, due, stage, definition, inputs, "
        "idempotency_key, created) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING RETURNING id",
        *(str(run.id), str(run.deployment_id), _text(run.schedule_id), micros(run.due), run.stage, json.dumps(shape)),
        *(inputs, run.idempotency_key, session.now()),
    )
    return bool(added)


def find(session: Session, run_id: UUID) -> DueRun | None:
    """The run of this id; None where the ledger has none."""
    return _one(session, "r.id = ?", str(run_id))


def find_by_key(session: Session, deployment_id: UUID, key: str) -> DueRun | None:
    """The run that was made with this idempotency key."""
    return _one(session, "r.deployment_id = ? AND r.idempotency_key = ?", str(deployment_id), key)


def _one(session: Session, condition: str, *values: Any) -> DueRun | None:
    rows = session.execute(f"SELECT {_COLUMNS} FROM deployment_runs r WHERE {condition}", *values)
    return _record(rows[0]) if rows else None


def waiting(session: Session, scope: Scope, until: datetime) -> list[DueRun]:
    """The runs that are due by then and that nobody has taken, the earliest first."""
    condition, values = scope.condition()
    rows = session.execute(
        f"SELECT {_COLUMNS} FROM deployment_runs r JOIN deployments d ON d.id = r.deployment_id "
        f"WHERE r.{_WAITING} AND r.due <= ? AND {condition} ORDER BY r.due, r.created, r.id LIMIT 1000",
        *(micros(until), *values),
    )
    return [_record(row) for row in rows]


def next_due(session: Session, scope: Scope) -> datetime | None:
    """When the earliest of the runs that wait is due; None where none waits."""
    condition, values = scope.condition()
    [(due,)] = session.execute(
        "SELECT min(r.due) FROM deployment_runs r JOIN deployments d ON d.id = r.deployment_id "
        f"WHERE r.{_WAITING} AND {condition}",
        *values,
    )
    return None if due is None else moment(due)


@dataclass(frozen=True)
class Taken:
    """What came of the wish to take runs: those taken, those that wait for a slot, those that are refused one."""

    runs: tuple[DueRun, ...] = ()
    queued: tuple[DueRun, ...] = ()
    refused: tuple[DueRun, ...] = ()


def take(session: Session, scope: Scope, now: datetime, room: int | None, holder: str) -> Taken:
    """Take the runs that are due, as many as there is room for; each of them is nobody else's from now on.

    Limits of deployments and of the pool hold for all processes together.
    """
    free_in_pool = _free_in_pool(session, scope.pool)
    taken: list[DueRun] = []
    queued: list[DueRun] = []
    refused: list[DueRun] = []
    for run in waiting(session, scope, now):
        free, cancels_new = _free_in_deployment(session, run.deployment_id)
        if free is not None and free <= 0:
            (refused if cancels_new else queued).append(run)
            continue
        if (room is not None and len(taken) >= room) or (free_in_pool is not None and len(taken) >= free_in_pool):
            break
        session.execute(
            "UPDATE deployment_runs SET stage = 'taken', holder = ?, beat = ? WHERE id = ?",
            *(holder, session.now(), str(run.id)),
        )
        taken.append(run)
    return Taken(tuple(taken), tuple(run for run in queued if run.stage != "queued"), tuple(refused))


def _free_in_deployment(session: Session, deployment_id: UUID) -> tuple[int | None, bool]:
    [(slots, cancels_new)] = session.execute(
        "SELECT slots, cancels_new FROM deployments WHERE id = ?", str(deployment_id)
    )
    if slots is None:
        return None, False
    [(active,)] = session.execute(
        f"SELECT count(*) FROM deployment_runs WHERE deployment_id = ? AND {_ACTIVE}", str(deployment_id)
    )
    return slots - active, bool(cancels_new)


def _free_in_pool(session: Session, pool: str | None) -> int | None:
    if pool is None:
        return None
    rows = session.execute("SELECT slots, paused FROM work_pools WHERE name = ?", pool)
    if not rows or rows[0][1]:
        return 0
    if rows[0][0] is None:
        return None
    [(active,)] = session.execute(
        f"SELECT count(*) FROM deployment_runs r JOIN deployments d ON d.id = r.deployment_id "
        f"WHERE d.pool = ? AND r.{_ACTIVE}",
        pool,
    )
    return int(rows[0][0]) - int(active)


def begin(session: Session, run_id: UUID, holder: str) -> DueRun | None:
    """The process that is to carry out a run takes it over; None where the run is not to be carried out."""
    rows = session.execute(
        "UPDATE deployment_runs SET stage = 'running', holder = ?, beat = ? WHERE id = ? "
        "AND stage IN ('scheduled', 'late', 'queued', 'taken') RETURNING id",
        *(holder, session.now(), str(run_id)),
    )
    return find(session, run_id) if rows else None


def beat(session: Session, run_id: UUID, holder: str) -> None:
    """Give a sign of life."""
    session.execute(
        "UPDATE deployment_runs SET beat = ? WHERE id = ? AND holder = ?", session.now(), str(run_id), holder
    )


def wait_again(session: Session, run_id: UUID, stage: str = "scheduled", due: datetime | None = None) -> None:
    """Give a run back, for anybody to take."""
    session.execute(
        "UPDATE deployment_runs SET stage = ?, holder = NULL, beat = NULL, due = coalesce(?, due) WHERE id = ?",
        *(stage, None if due is None else micros(due), str(run_id)),
    )


def mark(session: Session, runs: Sequence[DueRun], stage: str) -> None:
    """Runs that wait are late now, or wait for a slot."""
    for run in runs:
        session.execute(f"UPDATE deployment_runs SET stage = ? WHERE id = ? AND {_WAITING}", stage, str(run.id))


def end(session: Session, run_id: UUID, state: bytes) -> bool:
    """The run is over; False where it was already."""
    rows = session.execute(
        "UPDATE deployment_runs SET stage = 'ended', state = ?, ended = ?, holder = NULL WHERE id = ? "
        "AND stage <> 'ended' RETURNING id",
        *(state, session.now(), str(run_id)),
    )
    return bool(rows)


def suspend(session: Session, run_id: UUID) -> None:
    """The run's process ended, and the run waits for somebody."""
    session.execute("UPDATE deployment_runs SET stage = 'suspended', holder = NULL WHERE id = ?", str(run_id))


def abandoned(session: Session, *, run_id: UUID | None = None) -> list[DueRun]:
    """Runs whose process is gone: one that is known to have ended, or gave no sign of life for a minute."""
    one = "" if run_id is None else " AND r.id = ?"
    rows = session.execute(
        f"SELECT {_COLUMNS}, r.beat FROM deployment_runs r WHERE r.{_ACTIVE}{one}",
        *(() if run_id is None else (str(run_id),)),
    )
    silent = session.now() - SILENCE // timedelta(microseconds=1)
    return [_record(row[:-1]) for row in rows if _is_gone(row[8], row[-1] < silent)]


def _is_gone(holder: str, is_silent: bool) -> bool:
    ended = has_ended(holder)
    return is_silent if ended is None else ended


def forget(session: Session, ended_before: datetime) -> None:
    """Remove runs that ended before a time; the journal keeps what there is to know of them."""
    session.execute("DELETE FROM deployment_runs WHERE stage = 'ended' AND ended < ?", micros(ended_before))


def _text(id_: UUID | None) -> str | None:
    return None if id_ is None else str(id_)


def _id(text: str | None) -> UUID | None:
    return None if text is None else UUID(text)


def _record(row: tuple[Any, ...]) -> DueRun:
    id_, deployment, schedule, due, stage, text, inputs, key, holder, state = row
    shape = json.loads(text)
    return DueRun(
        UUID(id_),
        UUID(deployment),
        _id(schedule),
        moment(due),
        stage,
        shape["name"],
        tuple(shape["tags"]),
        shape["parameters_shown"],
        _id(shape["parent_flow_run_id"]),
        _id(shape["parent_task_run_id"]),
        shape["dynamic_key"],
        key,
        holder,
        None if inputs is None else bytes(inputs),
        None if state is None else bytes(state),
    )
