"""Results of runs that other processes carried out: read from where a run's record says that they lie."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from strongroom.errors import MissingResult
from strongroom.journal.records import StoredResult


def read_stored(stored: StoredResult, run_id: UUID) -> Any:
    """The value of a result that persists, or that was kept for a resumption.

    Opens the registry and the storage. Raises a :class:`~strongroom.errors.ResultProblem` where it cannot be had, and
    what the storage raises.
    """
    if stored.inline is None and not (stored.key or "").startswith("captured/"):
        from strongroom.results import result_store

        return result_store(stored.storage, stored.serializer).load(stored)
    from strongroom.results.captures import captures

    kept = captures()
    if kept is None:
        raise MissingResult(f"Nothing can open the result of run {run_id}.", "Mend the registry's key first.")
    return kept.restore(stored, run_id)
