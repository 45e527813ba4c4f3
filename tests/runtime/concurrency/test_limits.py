"""Limits: made, changed, looked at, removed."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest
from strongroom.client.orchestration import get_client
from strongroom.client.schemas.actions import GlobalConcurrencyLimitCreate, GlobalConcurrencyLimitUpdate
from strongroom.concurrency.limits import (
    create_limit,
    delete_limit,
    list_leases,
    list_limits,
    read_limit,
    reset_limit,
    update_limit,
)
from strongroom.concurrency.sync import concurrency, rate_limit
from strongroom.errors import InvalidLimit, LimitExists, UnknownLimit
from strongroom.ledger import Ledger


def test_a_limit_is_made_changed_and_removed(each_ledger: Ledger) -> None:
    made = create_limit("database", 5)
    assert (made.name, made.limit, made.active, made.active_slots, made.slot_decay_per_second) == (
        "database", 5, True, 0, 0.0,
    )  # fmt: skip
    assert read_limit("database") == made
    with pytest.raises(LimitExists):
        create_limit("database", 6)
    changed = create_limit("database", 6, slot_decay_per_second=0.5, overwrite=True)
    assert (changed.id, changed.limit, changed.slot_decay_per_second) == (made.id, 6, 0.5)
    assert update_limit("database", active=False).limit == 6
    create_limit("api", 1)
    assert [limit.name for limit in list_limits()] == ["api", "database"]
    delete_limit("database")
    for gone in (read_limit, delete_limit, reset_limit, update_limit):
        with pytest.raises(UnknownLimit, match="no limit 'database'"):
            gone("database")


def test_what_is_taken_stays_taken_when_the_limit_is_lowered(each_ledger: Ledger) -> None:
    create_limit("database", 3)
    with concurrency("database", occupy=3):
        assert update_limit("database", limit=1).active_slots == 3
        with pytest.raises(TimeoutError):
            concurrency("database", timeout_seconds=0).__enter__()
    with concurrency("database", timeout_seconds=0):
        pass


def test_a_reset_frees_what_anybody_has(each_ledger: Ledger) -> None:
    create_limit("database", 2, slot_decay_per_second=1e-6)
    rate_limit("database")
    with concurrency("database"):
        assert read_limit("database").active_slots == 2
        assert len(list_leases("database")) == reset_limit("database") == 1
        assert read_limit("database").active_slots == 0
        with concurrency("database", occupy=2, timeout_seconds=0):
            pass


def test_who_holds_slots_of_a_limit_that_is_removed_goes_on(each_ledger: Ledger) -> None:
    create_limit("database", 1)
    with concurrency("database"):
        delete_limit("database")
        create_limit("database", 1)
        assert read_limit("database").active_slots == 0


@pytest.mark.parametrize("name", ["", " ", "a/b", "50%", "a&b", "<a", "x" * 256, "new\nline"])
def test_a_name_that_cannot_be_is_refused(name: str, each_ledger: Ledger) -> None:
    with pytest.raises(InvalidLimit):
        create_limit(name, 1)


def test_any_tag_may_have_a_limit(each_ledger: Ledger) -> None:
    assert create_limit("tag:team/data & <more>", 1).limit == 1


@pytest.mark.parametrize(
    ("limit", "decay"), [(-1, 0), (1.5, 0), (True, 0), (1, -1), (1, float("nan")), (1, float("inf"))]
)
def test_numbers_that_cannot_be_are_refused(limit: int, decay: float, each_ledger: Ledger) -> None:
    with pytest.raises(InvalidLimit):
        create_limit("database", limit, decay)


def test_the_client_knows_limits_by_prefects_names(each_ledger: Ledger) -> None:
    async def main() -> None:
        async with get_client() as client:
            made = await client.create_global_concurrency_limit(
                concurrency_limit=GlobalConcurrencyLimitCreate(name="api", limit=5, slot_decay_per_second=0.5)
            )
            found = await client.read_global_concurrency_limit_by_name(name="api")
            assert (found.id, found.limit, found.slot_decay_per_second) == (made, 5, 0.5)
            await client.update_global_concurrency_limit("api", GlobalConcurrencyLimitUpdate(limit=6, active=False))
            await client.upsert_global_concurrency_limit_by_name("api", 7)
            await client.upsert_global_concurrency_limit_by_name("other", 1)
            limits = await client.read_global_concurrency_limits()
            assert [(each.name, each.limit, each.active) for each in limits] == [("api", 7, False), ("other", 1, True)]
            await client.delete_global_concurrency_limit_by_name(name="api")
            with pytest.raises(UnknownLimit):
                await client.read_global_concurrency_limit_by_name(name="api")

    asyncio.run(main())


def test_the_client_knows_limits_of_tags(each_ledger: Ledger) -> None:
    runs = [uuid4(), uuid4()]
    with get_client(sync_client=True) as client:
        made = client.create_concurrency_limit(tag="database", concurrency_limit=10)
        assert client.create_concurrency_limit(tag="database", concurrency_limit=5) == made
        with (
            concurrency("tag:database", holder={"type": "task_run", "id": str(runs[0])}),
            concurrency("tag:database", holder={"type": "task_run", "id": str(runs[1])}),
        ):
            found = client.read_concurrency_limit_by_tag(tag="database")
            assert (found.tag, found.concurrency_limit, sorted(found.active_slots)) == ("database", 5, sorted(runs))
            client.reset_concurrency_limit_by_tag("database", slot_override=[runs[1]])
            assert client.read_concurrency_limits()[0].active_slots == [runs[1]]
        client.delete_concurrency_limit_by_tag(tag="database")
        assert client.read_concurrency_limits() == []
