"""Row 3 in short."""

from __future__ import annotations

from faults import attacks
from faults.figure import Work, broken


def test_each_attack_is_found_under_its_own_name(work: Work) -> None:
    figures = list(attacks.run(work))
    assert broken(figures) == []
    assert {figure.what[0] for figure in figures} == set("12345678")
