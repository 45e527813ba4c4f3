"""What the ledger holds of runs that are removed: what was asked of them, their pauses, and what was sent to them."""

# ruff: noqa: S608  all names in the statements are those of our own tables

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from strongroom.ledger import current_ledger

_TABLES = ("cancellations", "suspensions", "pauses", "inputs")
_AT_ONCE = 500


def forget_runs(flow_run_ids: Sequence[UUID]) -> None:
    """Remove all of it; answers that were sealed for a run are gone with the run. Raises LedgerUnavailable."""
    ids = [str(id_) for id_ in flow_run_ids]
    for start in range(0, len(ids), _AT_ONCE):
        some = ids[start : start + _AT_ONCE]
        marks = ", ".join("?" * len(some))
        with current_ledger().changing() as session:
            for table in _TABLES:
                session.execute(f"DELETE FROM {table} WHERE flow_run_id IN ({marks})", *some)
