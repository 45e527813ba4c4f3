"""Row 19 in its short form."""

from __future__ import annotations

from absent import absent
from servers.postgres_server import binaries

from faults import killed_leases
from faults.figure import Work, broken


def test_no_credential_survives_its_lease(work_in_memory: Work) -> None:
    if binaries() is None:
        absent("There is no PostgreSQL server: run `uv sync`, or install the package `postgresql`.")
    figures = list(killed_leases.run(work_in_memory))
    assert not broken(figures)
    assert all(figure.seen["killed"] == figure.tried for figure in figures)
