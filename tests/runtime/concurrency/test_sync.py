"""``concurrency`` and ``rate_limit`` in synchronous code."""

from __future__ import annotations

import logging
import threading
from typing import Any

import pytest
from strongroom import flow, task
from strongroom.concurrency import wishes
from strongroom.concurrency.leases import Lease, renewals
from strongroom.concurrency.limits import create_limit, list_leases, read_limit, reset_limit, update_limit
from strongroom.concurrency.sync import (
    AcquireConcurrencySlotTimeoutError,
    ConcurrencySlotAcquisitionError,
    concurrency,
    rate_limit,
)
from strongroom.errors import InvalidLimit, LeaseLost, LedgerUnavailable
from strongroom.ledger import Ledger


def taken(name: str) -> int:
    return read_limit(name).active_slots


def test_slots_are_taken_inside_the_block_and_free_after_it(each_ledger: Ledger) -> None:
    create_limit("database", 3)
    create_limit("disk", 2)
    with concurrency(["database", "disk"], occupy=2):
        assert (taken("database"), taken("disk")) == (2, 2)
        with concurrency("database"):
            assert taken("database") == 3
    assert (taken("database"), taken("disk")) == (0, 0)


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_however_the_block_ends(error: type[BaseException], each_ledger: Ledger) -> None:
    create_limit("database", 1)
    with pytest.raises(error), concurrency("database"):
        raise error
    assert taken("database") == 0


def test_of_several_limits_all_slots_are_taken_or_none(each_ledger: Ledger) -> None:
    create_limit("database", 1)
    create_limit("disk", 5)
    with concurrency("database"):
        with pytest.raises(TimeoutError), concurrency(["disk", "database"], timeout_seconds=0):
            raise AssertionError
        assert taken("disk") == 0


def test_nobody_gets_in_beside_those_who_have_all_slots(each_ledger: Ledger) -> None:
    create_limit("database", 2)
    inside, most, lock = 0, 0, threading.Lock()

    def work() -> None:
        nonlocal inside, most
        for _ in range(3):
            with concurrency("database"):
                with lock:
                    inside += 1
                    most = max(most, inside)
                with lock:
                    inside -= 1

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 1 <= most <= 2
    assert taken("database") == 0


def test_waiting_ends_when_slots_are_given_back(each_ledger: Ledger) -> None:
    create_limit("database", 1)
    entered, leave, order = threading.Event(), threading.Event(), []

    def first() -> None:
        with concurrency("database"):
            entered.set()
            leave.wait(30)
            order.append("first")

    thread = threading.Thread(target=first)
    thread.start()
    assert entered.wait(30)
    threading.Timer(0, leave.set).start()
    with concurrency("database", timeout_seconds=30):
        order.append("second")
    thread.join()
    assert order == ["first", "second"]


def test_patience_ends_in_the_documented_errors(each_ledger: Ledger) -> None:
    create_limit("database", 1)
    with concurrency("database"):
        with pytest.raises(AcquireConcurrencySlotTimeoutError, match=r"within 0\.01 second") as timeout:
            concurrency("database", timeout_seconds=0.01).__enter__()
        with pytest.raises(ConcurrencySlotAcquisitionError, match="in 0 retries"):
            concurrency("database", max_retries=0).__enter__()
        with pytest.raises(ConcurrencySlotAcquisitionError, match="in 0 retries"):
            concurrency("database", timeout_seconds=60, max_retries=0).__enter__()
    assert isinstance(timeout.value, TimeoutError)


def test_more_than_there_are_is_refused_at_once(each_ledger: Ledger) -> None:
    create_limit("database", 2)
    create_limit("closed", 0)
    with pytest.raises(ConcurrencySlotAcquisitionError, match="has 2 slots, so that 3"):
        concurrency("database", occupy=3).__enter__()
    with pytest.raises(ConcurrencySlotAcquisitionError, match="has 0 slots"):
        concurrency("closed").__enter__()


def test_a_limit_that_does_not_exist_is_told_of_and_limits_nothing(
    each_ledger: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    create_limit("database", 1)
    with caplog.at_level(logging.WARNING), concurrency(["databse", "database"]):
        assert taken("database") == 1
    assert "There is no limit 'databse'" in caplog.text
    with pytest.raises(ConcurrencySlotAcquisitionError, match="no limit 'databse'"):
        concurrency(["database", "databse"], strict=True).__enter__()
    assert taken("database") == 0
    rate_limit("databse")
    with pytest.raises(ConcurrencySlotAcquisitionError, match="no limit 'databse'"):
        rate_limit("databse", strict=True)


def test_a_limit_that_is_switched_off_limits_nothing(each_ledger: Ledger) -> None:
    create_limit("database", 1, active=False)
    with concurrency("database", occupy=5, strict=True), concurrency("database", timeout_seconds=0):
        assert taken("database") == 0
    update_limit("database", active=True)
    with concurrency("database"), pytest.raises(TimeoutError):
        concurrency("database", timeout_seconds=0).__enter__()


def test_no_names_want_nothing() -> None:
    with concurrency([]):
        rate_limit([])


@pytest.mark.parametrize("wrong", [{"occupy": 0}, {"occupy": 1.5}, {"occupy": True}, {"lease_duration": 59}])
def test_what_cannot_be_wished_for_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidLimit):
        concurrency("database", **wrong).__enter__()


def test_who_holds_slots_is_shown(each_ledger: Ledger) -> None:
    create_limit("database", 9)

    @task
    def query() -> list[dict[str, Any]]:
        with concurrency("database", occupy=2), concurrency("database", holder={"type": "deployment", "id": "d1"}):
            return [lease.holder for lease in list_leases("database")]

    @flow
    def load() -> Any:
        with concurrency("database"):
            return query(), [lease.holder for lease in list_leases("database")]

    inner, outer = load()
    assert [holder["type"] for holder in inner] == ["flow_run", "task_run", "deployment"]
    assert inner[2]["id"] == "d1"
    assert outer == inner[:1]


def test_a_rate_is_held_by_slots_that_come_back(each_ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    naps: list[float] = []
    monkeypatch.setattr("strongroom.concurrency.sync.time.sleep", naps.append)
    create_limit("api", 2, slot_decay_per_second=0.001)
    rate_limit("api")
    rate_limit("api")
    assert naps == []
    assert taken("api") == 2
    with pytest.raises(AcquireConcurrencySlotTimeoutError):
        rate_limit("api", timeout_seconds=0)
    update_limit("api", slot_decay_per_second=1e9)
    rate_limit("api", occupy=2)


def test_a_rate_is_waited_for(each_ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    create_limit("api", 1, slot_decay_per_second=0.01)
    naps: list[float] = []

    def nap(seconds: float) -> None:
        naps.append(seconds)
        reset_limit("api")

    monkeypatch.setattr("strongroom.concurrency.sync.time.sleep", nap)
    rate_limit("api")
    rate_limit("api")
    assert naps == [wishes.LOOK_SECONDS]


def test_a_rate_needs_a_decay(each_ledger: Ledger) -> None:
    create_limit("database", 5)
    with pytest.raises(ConcurrencySlotAcquisitionError, match="no slot decay"):
        rate_limit("database")
    create_limit("api", 1, slot_decay_per_second=1)
    with pytest.raises(ConcurrencySlotAcquisitionError, match="has 1 slots, so that 2"):
        rate_limit("api", occupy=2)


def held_lease(ledger: Ledger) -> Lease:
    """The one lease that this process renews there."""
    [lease] = [lease for _, _, lease in renewals._queue if lease.ledger is ledger and not lease.over]
    return lease


def test_leases_are_renewed(each_ledger: Ledger) -> None:
    create_limit("database", 1)
    with concurrency("database", lease_duration=60):
        [before] = list_leases("database")
        lease = held_lease(each_ledger)
        lease.seconds = 600
        renewals.renew(lease)
        [after] = list_leases("database")
        assert (after.expires - before.expires).total_seconds() > 500
    renewals.renew(lease)
    assert list_leases("database") == []


def test_a_lease_that_is_lost_is_told_of(each_ledger: Ledger, caplog: pytest.LogCaptureFixture) -> None:
    create_limit("database", 1)
    with concurrency("database", strict=True, raise_on_lease_renewal_failure=False):
        reset_limit("database")
        renewals.renew(held_lease(each_ledger))
        assert "could not be renewed" in caplog.text


@pytest.mark.parametrize("options", [{"strict": True}, {"raise_on_lease_renewal_failure": True}])
def test_strict_code_ends_when_its_lease_is_lost(options: dict[str, Any], each_ledger: Ledger) -> None:
    create_limit("database", 1)
    steps = 0

    def work() -> None:
        nonlocal steps
        with concurrency("database", **options):
            reset_limit("database")
            threading.Thread(target=renewals.renew, args=[held_lease(each_ledger)]).start()
            while steps < 10**9:
                steps += 1

    with pytest.raises(LeaseLost, match="others may have them now"):
        work()
    assert steps < 10**9


def test_a_ledger_that_cannot_be_reached_is_tried_again_until_the_lease_ends(
    each_ledger: Ledger, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    create_limit("database", 1)

    def unreachable() -> Any:
        raise LedgerUnavailable("The ledger is away.", "Wait.")

    with concurrency("database"):
        lease, ends = held_lease(each_ledger), held_lease(each_ledger).ends
        with monkeypatch.context() as broken:
            broken.setattr(each_ledger, "changing", unreachable)
            renewals.renew(lease)
        assert "is tried again: The ledger is away." in caplog.text
        assert (lease.over, lease.ends) == (False, ends)
        renewals.renew(lease)
        assert lease.ends > ends
        with monkeypatch.context() as broken:
            broken.setattr(each_ledger, "changing", unreachable)
            lease.ends = 0
            renewals.renew(lease)
        assert lease.over


def test_slots_that_cannot_be_given_back_raise_nothing(
    each_ledger: Ledger, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    create_limit("database", 1)

    def unreachable() -> Any:
        raise LedgerUnavailable("The ledger is away.", "Wait.")

    with monkeypatch.context() as broken, concurrency("database"):
        broken.setattr(each_ledger, "changing", unreachable)
        lease = held_lease(each_ledger)
    assert "could not be given back, which is tried again: The ledger is away." in caplog.text
    assert read_limit("database").active_slots == 1
    renewals.renew(lease)
    assert lease.given_back
    assert read_limit("database").active_slots == 0


class Outage:
    """A ledger that cannot be reached a number of times, after it answered once."""

    def __init__(self, ledger: Ledger, times: int) -> None:
        self._real, self._left, self._answers = ledger.changing, times, 1

    def __call__(self) -> Any:
        if self._answers:
            self._answers -= 1
        elif self._left:
            self._left -= 1
            raise LedgerUnavailable("The ledger is away.", "Wait.")
        return self._real()


def test_who_waits_outlasts_a_ledger_that_is_away(
    each_ledger: Ledger, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    create_limit("database", 1)
    naps: list[float] = []
    monkeypatch.setattr("strongroom.concurrency.taking.time.sleep", naps.append)
    release = concurrency("database")
    release.__enter__()
    outage = Outage(each_ledger, 3)
    with monkeypatch.context() as away:
        away.setattr(each_ledger, "changing", outage)
        waits = wishes.Asking.bear

        def bear(asking: Any, error: LedgerUnavailable, left: float | None) -> None:
            waits(asking, error, left)
            if len(naps) == 2:
                release.__exit__(None, None, None)

        away.setattr(wishes.Asking, "bear", bear)
        with concurrency("database"):
            pass
    assert len(naps) == 3
    assert caplog.text.count("goes on: The ledger is away.") == 1


def test_a_ledger_that_never_answered_is_not_waited_for(each_ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    outage = Outage(each_ledger, 1)
    outage._answers = 0
    monkeypatch.setattr(each_ledger, "changing", outage)
    with pytest.raises(LedgerUnavailable):
        concurrency("database").__enter__()
