"""Who serves which deployment, and who works for which pool."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from strongroom.deployments.records import moment
from strongroom.ledger import Session
from strongroom.liveness import SILENCE
from strongroom.processes import has_ended


@dataclass(frozen=True)
class Worker:
    """A process that works for a pool."""

    name: str
    process: str
    slots: int | None
    started: datetime
    beat: datetime


def enrol(
    session: Session, process: str, deployment_ids: Sequence[str], *, pool: str | None, name: str, slots: int | None
) -> None:
    """A process serves these deployments, or works for a pool, from now on."""
    now = session.now()
    for id_ in deployment_ids:
        session.execute(
            "INSERT INTO deployment_servers (process, deployment_id, pool, name, slots, started, beat) "
            "VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (process, deployment_id) DO UPDATE SET beat = excluded.beat",
            *(process, id_, pool, name, slots, now, now),
        )


def beat(session: Session, process: str) -> None:
    """Give a sign of life, and forget those who give none any more."""
    session.execute("UPDATE deployment_servers SET beat = ? WHERE process = ?", session.now(), process)
    silent = session.now() - SILENCE // timedelta(microseconds=1)
    for other, last in session.execute("SELECT process, beat FROM deployment_servers"):
        if _is_gone(other, last < silent):
            leave(session, other)


def leave(session: Session, process: str) -> None:
    """A process serves nothing any more."""
    session.execute("DELETE FROM deployment_servers WHERE process = ?", process)


def is_served(session: Session, deployment_id: UUID) -> bool:
    """Whether a living process serves the deployment."""
    silent = session.now() - SILENCE // timedelta(microseconds=1)
    rows = session.execute("SELECT process, beat FROM deployment_servers WHERE deployment_id = ?", str(deployment_id))
    return any(not _is_gone(process, last < silent) for process, last in rows)


def workers(session: Session, pool: str) -> list[Worker]:
    """Those who work for a pool, the first that began first."""
    rows = session.execute(
        "SELECT name, process, slots, started, beat FROM deployment_servers WHERE pool = ? ORDER BY started", pool
    )
    return [Worker(name, process, slots, moment(began), moment(last)) for name, process, slots, began, last in rows]


def _is_gone(process: str, is_silent: bool) -> bool:
    ended = has_ended(process)
    return is_silent if ended is None else ended
