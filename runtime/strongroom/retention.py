"""How long runs are kept."""

from __future__ import annotations

import logging
import sqlite3
from datetime import timedelta

from strongroom_registry.errors import StrongroomError

from strongroom.captures import Captures
from strongroom.journal.journal import Journal
from strongroom.journal.records import now
from strongroom.results import LocalStorage

_log = logging.getLogger("strongroom.journal")


def remove_old_runs(journal: Journal) -> int:
    """Remove the runs that ended more than ``STRONGROOM_JOURNAL_KEEP_DAYS`` ago, and what was kept to resume them.

    Returns how many. Does nothing where that is not set, and says so where the history cannot be written.
    """
    from strongroom.settings import get_settings

    settings = get_settings()
    if settings.journal_keep_days is None:
        return 0
    try:
        gone = journal.prune(now() - timedelta(days=settings.journal_keep_days))
    except (sqlite3.Error, OSError, StrongroomError) as error:
        _log.warning("Old runs are not removed: %s", error)
        return 0
    Captures(LocalStorage(settings.storage_path), None, 0).discard(gone)
    return len(gone)
