"""Tokens to test with: records in memory, a clock that stands still, and people who can be disabled."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from strongroom_registry import Sealer, open_registry
from strongroom_service.identity.token_record import Standing
from strongroom_service.identity.tokens import Tokens
from strongroom_service.state.records import Records, open_records_ledger

TTL, MAX_TTL = timedelta(hours=8), timedelta(days=32)


class Clock:
    """A clock that goes when it is told to."""

    def __init__(self) -> None:
        self.time = datetime(2026, 1, 1, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.time

    def forward(self, **by: float) -> None:
        self.time += timedelta(**by)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="session")
def sealer() -> Iterator[Sealer]:
    """What seals the records of a session's tests."""
    with open_registry("memory:", actor="service") as registry:
        yield registry.sealer("service")


@pytest.fixture
def records(clock: Clock, sealer: Sealer) -> Iterator[Records]:
    records = Records(open_records_ledger("memory:"), sealer, clock=clock)
    yield records
    records.close()


@pytest.fixture
def standings() -> dict[str, Standing]:
    """What people may do, by their origin."""
    return {}


@pytest.fixture
def tokens(records: Records, standings: dict[str, Standing]) -> Tokens:
    return Tokens(records, ttl=TTL, max_ttl=MAX_TTL, standing=standings.get)
