"""What other processes want of a running flow: that it ends, or suspends itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from strongroom.ledger import Ledger, Session


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked of a run: how many times that it ends, and whether that it suspends itself.

    ``until`` is when such a suspension runs out; None where it does not.
    """

    ends: int = 0
    suspends: bool = False
    until: datetime | None = None


NONE = Request()


def read(ledger: Ledger, run_ids: Sequence[UUID]) -> dict[UUID, Request]:
    """The requests that there are for these runs."""
    ids = [str(id_) for id_ in run_ids]
    marks = ", ".join("?" * len(ids))
    with ledger.reading() as session:
        ends: dict[str, int] = dict(
            session.execute(f"SELECT flow_run_id, requests FROM cancellations WHERE flow_run_id IN ({marks})", *ids)  # noqa: S608
        )
        halts: dict[str, int | None] = dict(
            session.execute(f"SELECT flow_run_id, until FROM suspensions WHERE flow_run_id IN ({marks})", *ids)  # noqa: S608
        )
    return {UUID(id_): Request(ends.get(id_, 0), id_ in halts, moment(halts.get(id_))) for id_ in {*ends, *halts}}


def moment(micros: int | None) -> datetime | None:
    """A time of the ledger, which counts microseconds since 1970."""
    return None if micros is None else datetime.fromtimestamp(micros / 1e6, UTC)


def ask_to_end(session: Session, run_id: UUID) -> int:
    """Ask a run to end; returns how many times it was asked now."""
    [(count,)] = session.execute(
        "INSERT INTO cancellations (flow_run_id, requests, updated) VALUES (?, 1, ?) ON CONFLICT (flow_run_id) "
        "DO UPDATE SET requests = cancellations.requests + 1, updated = excluded.updated RETURNING requests",
        str(run_id),
        session.now(),
    )
    return int(count)


def ask_to_suspend(session: Session, run_id: UUID, until: datetime | None) -> None:
    """Ask a run to suspend itself before its next task."""
    session.execute(
        "INSERT INTO suspensions (flow_run_id, until, created) VALUES (?, ?, ?) "
        "ON CONFLICT (flow_run_id) DO UPDATE SET until = excluded.until",
        str(run_id),
        None if until is None else round(until.timestamp() * 1e6),
        session.now(),
    )


def forget(session: Session, run_id: UUID) -> None:
    """What was asked of a run was done, or it begins anew."""
    session.execute("DELETE FROM cancellations WHERE flow_run_id = ?", str(run_id))
    session.execute("DELETE FROM suspensions WHERE flow_run_id = ?", str(run_id))
