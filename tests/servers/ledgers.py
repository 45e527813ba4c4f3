"""The ledger of a test: in memory, in a file, and in PostgreSQL, one test for each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from strongroom.ledger import Ledger, open_ledger, set_current_ledger


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def each_ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ledger]:
    """The ledger in use, of each kind that there is."""
    yield from _used(request.param, request, tmp_path)


@pytest.fixture(params=["sqlite", "postgres"])
def shared_ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ledger]:
    """The ledger in use, of each kind that other processes can use too."""
    yield from _used(request.param, request, tmp_path)


def _used(kind: str, request: pytest.FixtureRequest, folder: Path) -> Iterator[Ledger]:
    from strongroom.concurrency import tag_limits

    if kind == "postgres":
        url = request.getfixturevalue("postgres").url
    else:
        url = "memory:" if kind == "memory" else f"sqlite:///{folder / 'ledger.db'}"
    ledger = open_ledger(url)
    set_current_ledger(ledger)
    tag_limits.forget()
    yield ledger
    set_current_ledger(None)
    ledger.close()
