"""Row 2 in short, and that it would notice."""

from __future__ import annotations

from dataclasses import replace

import pytest
from strongroom_registry.authority import Authority

from faults import changed_rows
from faults.figure import Work, broken


def test_whatever_is_changed_is_found_or_does_not_matter(work_in_memory: Work) -> None:
    assert broken(list(changed_rows.run(replace(work_in_memory, scale=0.002)))) == []


def test_a_registry_that_does_not_look_at_public_fields_is_found(
    work_in_memory: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Authority, "_check_sealed", lambda *_: None)
    loaded = next(changed_rows.run(replace(work_in_memory, scale=0.001)))
    assert loaded.failed == loaded.seen["a wrong document"] > 0
