"""Row 10."""

from __future__ import annotations

from faults.figure import Work, broken

from properties import published_vectors


def test_our_functions_give_what_was_published(work_in_memory: Work) -> None:
    assert broken(list(published_vectors.run(work_in_memory))) == []
