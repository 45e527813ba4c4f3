"""Scripts as users bring them, on a history, a ledger and a registry in memory; the outcomes are those that Prefect 3.8
gives, where nothing else is said."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from strongroom.journal.memory import MemoryJournal
from strongroom.testing import strongroom_test_harness


@pytest.fixture(autouse=True)
def journal() -> Iterator[MemoryJournal]:
    with strongroom_test_harness() as journal:
        yield journal
