"""The formats of the run history, for the databases that hold one: numbered scripts, oldest first."""

from __future__ import annotations

import functools
from pathlib import Path

from strongroom.databases.kind import Kind
from strongroom.errors import JournalForeign, JournalNewer, JournalUnavailable


@functools.cache
def run_history(database: str) -> Kind:
    """The run history in a ``"sqlite"`` file, or in ``"postgres"``."""
    scripts = sorted((Path(__file__).parent / "sql" / database).glob("[0-9]*.sql"))
    return Kind(
        "run history",
        "STRONGROOM_JOURNAL",
        0x5352_4A4C,  # "SRJL"
        [script.read_text("utf-8") for script in scripts],
        JournalUnavailable,
        JournalForeign,
        JournalNewer,
    )
