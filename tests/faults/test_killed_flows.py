"""Row 12 in short, and that it would notice."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from strongroom.calls.flow_past import FlowPast

from faults import killed_flows
from faults.figure import Work, broken
from faults.places import Places

SHORT = {
    "SQLite": ("called", "durable", "submitted", "subflows", "transactions", "locks", "suspended", "processes"),
    "PostgreSQL": ("called", "durable", "locks", "suspended"),
}
"""A cluster takes longer to start than all of these take."""


@pytest.mark.timeout(600)
def test_a_flow_that_is_killed_goes_on_where_its_history_ends(work: Work) -> None:
    work, [store] = replace(work, scale=0.01), work.places.names
    figures = [killed_flows.killed(work, store, kind) for kind in SHORT[store]]
    assert broken(figures) == []


def test_a_history_that_forgets_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(FlowPast, "_completed", lambda self: {})
        for seed in range(4, 12):  # a kill may come when all was done, more often on a busy machine
            work = Work(tmp_path / str(seed), 0.03, seed, Places())
            work.folder.mkdir()
            figure = killed_flows.killed(work, "SQLite", "durable")
            if figure.failed:
                break
    assert figure.failed > 0
    assert "carried out again" in figure.failures[0]
