"""Pauses of runs in the ledger: what waits for whom, and until when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from strongroom.control.requests import moment
from strongroom.ledger import Session

_COLUMNS = "key, suspends, asks, until, resumed"


@dataclass(frozen=True, slots=True)
class PauseRecord:
    """One pause of a run. ``asks`` tells that it wants an answer; ``until`` is when it runs out, None for never."""

    key: str
    suspends: bool
    asks: bool
    until: datetime | None
    resumed: datetime | None

    def is_over(self, session: Session) -> bool:
        """Whether nobody resumed it in time."""
        now = moment(session.now())
        return self.until is not None and now is not None and self.until <= now


def begin(
    session: Session, run_id: UUID, key: str, *, suspends: bool, asks: bool, timeout: float | None
) -> PauseRecord:
    """A pause begins, perhaps anew."""
    now = session.now()
    until = None if timeout is None else now + round(timeout * 1e6)
    [row] = session.execute(
        "INSERT INTO pauses (flow_run_id, key, suspends, asks, until, created) VALUES (?, ?, ?, ?, ?, ?) "  # noqa: S608
        "ON CONFLICT (flow_run_id, key) DO UPDATE SET suspends = excluded.suspends, asks = excluded.asks, "
        f"until = excluded.until, resumed = NULL RETURNING {_COLUMNS}",
        *(str(run_id), key, int(suspends), int(asks), until, now),
    )
    return _record(row)


def find(session: Session, run_id: UUID, key: str) -> PauseRecord | None:
    """The pause of this key."""
    rows = session.execute(f"SELECT {_COLUMNS} FROM pauses WHERE flow_run_id = ? AND key = ?", str(run_id), key)  # noqa: S608
    return _record(rows[0]) if rows else None


def waiting(session: Session, run_id: UUID) -> PauseRecord | None:
    """The pause that a run waits in; None for a run that waits in none."""
    rows = session.execute(
        f"SELECT {_COLUMNS} FROM pauses WHERE flow_run_id = ? AND resumed IS NULL ORDER BY created DESC LIMIT 1",  # noqa: S608
        str(run_id),
    )
    return _record(rows[0]) if rows else None


def resume(session: Session, run_id: UUID, key: str) -> None:
    """The run may go on."""
    session.execute("UPDATE pauses SET resumed = ? WHERE flow_run_id = ? AND key = ?", session.now(), str(run_id), key)


def give_up(session: Session, run_id: UUID, key: str) -> bool:
    """Nobody resumed it in time; False where somebody just did."""
    return bool(
        session.execute(
            "DELETE FROM pauses WHERE flow_run_id = ? AND key = ? AND resumed IS NULL RETURNING key", str(run_id), key
        )
    )


def _record(row: tuple[object, ...]) -> PauseRecord:
    key, suspends, asks, until, resumed = row
    return PauseRecord(str(key), bool(suspends), bool(asks), moment(until), moment(resumed))  # type: ignore[arg-type]
