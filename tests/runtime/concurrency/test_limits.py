"""Limits: made, changed, looked at, removed."""

from __future__ import annotations

import pytest
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
