"""Row 4 in short."""

from __future__ import annotations

from dataclasses import replace

from faults import writers
from faults.figure import Work, broken


def test_no_version_of_64_writers_is_lost_or_there_twice(work: Work) -> None:
    assert broken(list(writers.run(replace(work, scale=0.002)))) == []
