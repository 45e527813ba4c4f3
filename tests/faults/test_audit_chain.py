"""Row 7 in short."""

from __future__ import annotations

from faults import audit_chain
from faults.figure import Work, broken


def test_the_first_bad_entry_is_named(work: Work) -> None:
    assert broken(list(audit_chain.run(work))) == []
