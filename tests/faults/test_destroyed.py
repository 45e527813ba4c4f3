"""Row 6 in short."""

from __future__ import annotations

from faults import destroyed
from faults.figure import Work, broken


def test_what_was_destroyed_is_nowhere_and_no_key_opens_a_copy(work: Work) -> None:
    assert broken(list(destroyed.run(work))) == []
