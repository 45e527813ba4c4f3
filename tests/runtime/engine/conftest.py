"""The engine on a journal in memory; nothing is sealed, since the registry is not what is tested here."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from strongroom import engine
from strongroom.journal import using_journal
from strongroom.journal.memory import MemoryJournal


@pytest.fixture(autouse=True)
def journal(monkeypatch: pytest.MonkeyPatch) -> Iterator[MemoryJournal]:
    monkeypatch.setenv("STRONGROOM_RESULTS_SEALED", "false")
    with using_journal(MemoryJournal()) as journal:
        yield journal  # type: ignore[misc]


@pytest.fixture
def naps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long the engine would have slept; nobody sleeps."""
    taken: list[float] = []

    async def anap(seconds: float) -> None:
        taken.append(seconds)

    monkeypatch.setattr(engine, "sleep", taken.append)
    monkeypatch.setattr(engine, "asleep", anap)
    return taken
