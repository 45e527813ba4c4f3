"""``prefect.testing.utilities`` under its name; see :mod:`strongroom.testing.harness`."""

from __future__ import annotations

from contextlib import AbstractContextManager

from strongroom.journal.memory import MemoryJournal
from strongroom.testing.harness import strongroom_test_harness as strongroom_test_harness


def prefect_test_harness(server_startup_timeout: float | None = None) -> AbstractContextManager[MemoryJournal]:
    """:func:`~strongroom.testing.strongroom_test_harness`, as scripts call it. No server starts, so there is none to
    wait for: a timeout of any length is kept."""
    return strongroom_test_harness()
