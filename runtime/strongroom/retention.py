"""How long runs are kept, and how they are removed before that."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

from strongroom_registry.errors import StrongroomError

from strongroom.errors import NotRemovable, UnknownRun
from strongroom.journal.journal import Journal
from strongroom.journal.records import now
from strongroom.liveness import is_alive
from strongroom.results.ended_captures import EndedCaptures, ended_captures

_log = logging.getLogger("strongroom.journal")


def remove_old_runs(journal: Journal) -> int:
    """Remove the runs that ended more than ``STRONGROOM_JOURNAL_KEEP_DAYS`` ago, and what was kept to resume them.

    What was kept of runs that are in no history goes as well, once nobody wrote to it for as long. Returns how many
    runs went. Does nothing where that is not set, and says so where the history cannot be written.
    """
    from strongroom.settings import get_settings

    settings = get_settings()
    if settings.journal_keep_days is None:
        return 0
    oldest, kept = now() - timedelta(days=settings.journal_keep_days), ended_captures(settings)
    try:
        gone = journal.prune(oldest)
        orphans = list(_orphans(journal, kept, oldest))
    except (OSError, StrongroomError) as error:
        _log.warning("Old runs are not removed: %s", error)
        return 0
    for run_id in (*gone, *orphans):
        kept.remove(run_id)
    _forget(gone)
    return len(gone)


def remove_runs(journal: Journal, flow_run_ids: Iterable[UUID]) -> list[UUID]:
    """Remove flow runs, with their subflows, tasks, logs, and what was kept to resume them; returns the ids of all.

    Raises :class:`~strongroom.errors.NotRemovable` where one of them still goes on or is the run of a subflow, and
    UnknownRun where one is not there; then none is removed.
    """
    from strongroom.settings import get_settings

    runs = [journal.flow_run(str(id_)) for id_ in flow_run_ids]
    for run in runs:
        if run.parent_flow_run_id is not None:
            raise NotRemovable(
                f"The run {run.name!r} is a part of another one.", f"Remove that one: {run.parent_flow_run_id}."
            )
        if is_alive(run):
            raise NotRemovable(f"The run {run.name!r} still goes on.", "Wait for its end, or cancel it first.")
    gone = journal.remove([run.id for run in runs])
    kept = ended_captures(get_settings())
    for run_id in gone:
        kept.remove(run_id)
    _forget(gone)
    return gone


def _forget(flow_run_ids: list[UUID]) -> None:
    """What the ledger has of the runs, but for artifacts with a key, which outlive the runs that made them."""
    from strongroom.artifacts.rows import delete_artifacts_of
    from strongroom.control.removal import forget_runs
    from strongroom.ledger.current import ledger_is_there

    try:
        if flow_run_ids and ledger_is_there():
            delete_artifacts_of(flow_run_ids)
            forget_runs(flow_run_ids)
    except (OSError, StrongroomError) as error:
        _log.warning("Artifacts of removed runs stay, and what was sent to them: %s", error)


def _orphans(journal: Journal, kept: EndedCaptures, oldest: datetime) -> Iterable[UUID]:
    for run_id in kept.left_alone_since(oldest.timestamp()):
        try:
            journal.flow_run(str(run_id))
        except UnknownRun:
            yield run_id
