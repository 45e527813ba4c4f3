"""A Strongroom for tests: nothing of the user's is read or written, and nothing stays."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

import strongroom_registry

from strongroom.journal.current import set_current_journal
from strongroom.journal.memory import MemoryJournal
from strongroom.ledger.current import open_ledger, set_current_ledger


@contextmanager
def strongroom_test_harness() -> Iterator[MemoryJournal]:
    """Give the process an empty registry, run history and ledger, all in memory, and a home that is removed after.

    For a fixture of the whole test session, or around one test. Yields the journal, to look at what ran.
    """
    home = os.environ.get("STRONGROOM_HOME")
    journal = MemoryJournal()
    with tempfile.TemporaryDirectory(prefix="strongroom-test-") as folder:
        os.environ["STRONGROOM_HOME"] = folder
        strongroom_registry.set_current(strongroom_registry.open_registry("memory:"))
        set_current_journal(journal)
        set_current_ledger(open_ledger("memory:"))
        try:
            yield journal
        finally:
            set_current_ledger(None)
            set_current_journal(None)
            strongroom_registry.set_current(None)
            if home is None:
                del os.environ["STRONGROOM_HOME"]
            else:
                os.environ["STRONGROOM_HOME"] = home
