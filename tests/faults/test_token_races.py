"""Row 16 in its short form."""

from __future__ import annotations

from faults import token_races
from faults.figure import Work, broken


def test_nothing_is_used_more_often_than_it_may_be(work: Work) -> None:
    figures = list(token_races.run(work))
    assert not broken(figures)
    assert len(figures) == len(token_races.RACES)
