"""Requests and pauses as they stand in ledgers of all kinds."""

from __future__ import annotations

from uuid import uuid4

from strongroom.control import pauses, requests
from strongroom.control.requests import Request
from strongroom.ledger import Ledger


def test_requests_are_counted_read_and_forgotten(each_ledger: Ledger) -> None:
    run, other, until = uuid4(), uuid4(), requests.moment(1_800_000_000_000_000)
    with each_ledger.changing() as session:
        assert requests.ask_to_end(session, run) == 1
        assert requests.ask_to_end(session, run) == 2
        requests.ask_to_suspend(session, run, None)
        requests.ask_to_suspend(session, run, until)
        requests.ask_to_suspend(session, other, None)
    found = requests.read(each_ledger, [run, other, uuid4()])
    assert found == {run: Request(2, True, until), other: Request(0, True, None)}
    with each_ledger.changing() as session:
        requests.forget(session, run)
    assert requests.read(each_ledger, [run]) == {}


def test_a_pause_waits_until_it_is_resumed_or_given_up(each_ledger: Ledger) -> None:
    run = uuid4()
    with each_ledger.changing() as session:
        first = pauses.begin(session, run, "0", suspends=False, asks=True, timeout=None)
        assert (first.asks, first.suspends, first.until) == (True, False, None)
        assert pauses.waiting(session, run) == first
        assert not first.is_over(session)
        pauses.resume(session, run, "0")
        assert pauses.waiting(session, run) is None
        resumed = pauses.find(session, run, "0")
        assert resumed is not None
        assert resumed.resumed is not None
        assert not pauses.give_up(session, run, "0")
        second = pauses.begin(session, run, "1", suspends=True, asks=False, timeout=0)
        assert second.is_over(session)
        assert pauses.give_up(session, run, "1")
        assert pauses.find(session, run, "1") is None
