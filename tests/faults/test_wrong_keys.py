"""Row 9 in short."""

from __future__ import annotations

from faults import wrong_keys
from faults.figure import Work, broken


def test_a_key_that_is_not_right_opens_and_changes_nothing(work: Work) -> None:
    assert broken(list(wrong_keys.run(work))) == []
