"""Row 8 in short."""

from __future__ import annotations

from absent import absent

from faults import storage
from faults.failing_disk import compiler
from faults.figure import Work, broken


def test_nothing_is_lost_where_disks_and_connections_fail(work: Work) -> None:
    if "SQLite" in work.places.names and compiler() is None:
        absent("There is no C compiler: install the package `gcc`.")
    assert broken(list(storage.run(work))) == []
