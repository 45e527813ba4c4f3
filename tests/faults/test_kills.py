"""Row 1 in short, and that it would notice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from faults import kills
from faults.figure import Work, broken
from faults.places import Places
from faults.story import Step
from faults.victim import Act


@pytest.mark.timeout(600)
def test_what_was_acknowledged_before_a_kill_is_there(work: Work) -> None:
    assert broken(list(kills.run(replace(work, scale=0.004)))) == []


def test_a_process_that_acknowledges_what_it_has_not_done_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lying(story: Sequence[Step]) -> Act:
        return lambda _, say: [say(number) for number in range(len(story))] and None

    monkeypatch.setattr(kills, "_telling", lying)
    figure = kills.killed(Work(tmp_path, 0.01, 1, Places()), "SQLite", "write", ("put",))
    assert figure.failed == figure.tried > 0
