"""Background tasks in the ledger: sent, taken by one process alone, given back, ended; parts of transactions."""

# ruff: noqa: S608  all names in the statements are those of our own tables and columns

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from strongroom.ledger import Session
from strongroom.liveness import SILENCE
from strongroom.processes import has_ended

MOST_DELIVERIES = 5
"""A task run whose workers die this many times is not given to another one."""


@dataclass(frozen=True)
class Delivery:
    """A task run as the ledger has it. ``stage`` is waiting, taken or ended."""

    id: UUID
    task_key: str
    name: str
    stage: str
    call: bytes
    holder: str | None
    deliveries: int
    state: bytes | None


_COLUMNS = "id, task_key, name, stage, call, holder, deliveries, state"


def call_place(run_id: UUID) -> str:
    """The place that the sealed call is bound to."""
    return f"background task {run_id}"


def state_place(run_id: UUID) -> str:
    """The place that the sealed state is bound to."""
    return f"state of background task {run_id}"


def send(session: Session, run_id: UUID, task_key: str, name: str, call: bytes, upstream: Iterable[UUID]) -> None:
    """Have a task run wait for a worker, and for the background tasks that it takes the results of."""
    session.execute(
        "INSERT INTO background_tasks (id, task_key, name, stage, call, deliveries, created) "
        "VALUES (?, ?, ?, 'waiting', ?, 0, ?)",
        *(str(run_id), task_key, name, call, session.now()),
    )
    for id_ in upstream:
        session.execute(
            "INSERT INTO background_task_inputs (task_id, upstream_id) VALUES (?, ?)", str(run_id), str(id_)
        )


def take(session: Session, task_keys: Sequence[str], most: int, holder: str) -> list[Delivery]:
    """Take task runs whose inputs are there, the oldest first; each is nobody else's from now on."""
    marks = ", ".join("?" * len(task_keys))
    rows = session.execute(
        f"SELECT {_COLUMNS} FROM background_tasks b WHERE stage = 'waiting' AND task_key IN ({marks}) AND NOT EXISTS "
        "(SELECT 1 FROM background_task_inputs i JOIN background_tasks u ON u.id = i.upstream_id "
        "WHERE i.task_id = b.id AND u.stage <> 'ended') ORDER BY created, id LIMIT ?",
        *(*task_keys, most),
    )
    for row in rows:
        session.execute(
            "UPDATE background_tasks SET stage = 'taken', holder = ?, beat = ?, deliveries = deliveries + 1 "
            "WHERE id = ?",
            *(holder, session.now(), row[0]),
        )
    return [_record(row) for row in rows]


def find(session: Session, run_id: UUID) -> Delivery | None:
    """The task run of this id; None where the ledger has none."""
    rows = session.execute(f"SELECT {_COLUMNS} FROM background_tasks WHERE id = ?", str(run_id))
    return _record(rows[0]) if rows else None


def ended_of(session: Session, run_ids: Sequence[UUID]) -> list[Delivery] | None:
    """Those of the task runs that are over; None where none is."""
    marks = ", ".join("?" * len(run_ids))
    ids = [str(id_) for id_ in run_ids]
    rows = session.execute(f"SELECT {_COLUMNS} FROM background_tasks WHERE stage = 'ended' AND id IN ({marks})", *ids)
    return [_record(row) for row in rows] or None


def beat(session: Session, holder: str) -> None:
    """Give a sign of life for all that this process has."""
    session.execute("UPDATE background_tasks SET beat = ? WHERE holder = ? AND stage = 'taken'", session.now(), holder)


def give_back(session: Session, run_id: UUID, holder: str) -> None:
    """A task run that a worker has waits for another one."""
    session.execute(
        "UPDATE background_tasks SET stage = 'waiting', holder = NULL WHERE id = ? AND holder = ? AND stage = 'taken'",
        *(str(run_id), holder),
    )


def end(session: Session, run_id: UUID, state: bytes, holder: str | None = None) -> bool:
    """The task run is over; False where it was already, or where another process than ``holder`` has it now."""
    mine = "" if holder is None else " AND holder = ?"
    rows = session.execute(
        "UPDATE background_tasks SET stage = 'ended', state = ?, ended = ?, holder = NULL WHERE id = ? "
        f"AND stage <> 'ended'{mine} RETURNING id",
        *(state, session.now(), str(run_id), *(() if holder is None else (holder,))),
    )
    return bool(rows)


def withdraw(session: Session, run_id: UUID) -> bool:
    """Take back a task run that no worker has; False where one has it."""
    rows = session.execute("DELETE FROM background_tasks WHERE id = ? AND stage = 'waiting' RETURNING id", str(run_id))
    return bool(rows)


def abandoned(session: Session) -> list[Delivery]:
    """Task runs whose worker is gone: one that is known to have ended, or gave no sign of life for a minute."""
    silent = session.now() - SILENCE // timedelta(microseconds=1)
    rows = session.execute(f"SELECT {_COLUMNS}, beat FROM background_tasks WHERE stage = 'taken'")
    return [_record(row[:-1]) for row in rows if _is_gone(row[5], row[-1] < silent)]


def forget(session: Session, ended_before: int) -> None:
    """Remove task runs that ended before a time of the ledger."""
    old = "SELECT id FROM background_tasks WHERE stage = 'ended' AND ended < ?"
    session.execute(f"DELETE FROM background_task_inputs WHERE task_id IN ({old})", ended_before)
    session.execute("DELETE FROM background_tasks WHERE stage = 'ended' AND ended < ?", ended_before)


def _is_gone(holder: str, is_silent: bool) -> bool:
    ended = has_ended(holder)
    return is_silent if ended is None else ended


def _record(row: tuple[Any, ...]) -> Delivery:
    id_, task_key, name, stage, call, holder, deliveries, state = row
    return Delivery(
        UUID(id_), task_key, name, stage, bytes(call), holder, deliveries, None if state is None else bytes(state)
    )
