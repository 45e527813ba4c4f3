"""A pytest plugin: what the rows of the evidence are run with by the tests, in their short form."""

from __future__ import annotations

from pathlib import Path

import pytest

from faults.figure import Work
from faults.places import Places, PostgresLogin

SCALE = 0.01


@pytest.fixture(params=["SQLite", "PostgreSQL"])
def places(request: pytest.FixtureRequest) -> Places:
    """Each store by itself."""
    if request.param == "SQLite":
        return Places()
    address = request.getfixturevalue("postgres_server")
    return Places(("PostgreSQL",), PostgresLogin(address.host, address.port, address.user, address.password))


@pytest.fixture
def work(places: Places, tmp_path: Path) -> Work:
    """What a row is run with that is about stores."""
    return _work(places, tmp_path)


@pytest.fixture
def work_in_memory(tmp_path: Path) -> Work:
    """What a row is run with that no store has a part in."""
    return _work(Places(()), tmp_path)


def _work(places: Places, folder: Path) -> Work:
    folder = folder / "work"
    folder.mkdir()
    return Work(folder, SCALE, 1, places)
