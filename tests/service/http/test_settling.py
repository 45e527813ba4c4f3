"""Group commit of what requests owe to the audit."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Lock

import pytest
from strongroom_registry.acting import Owed
from strongroom_registry.audit import Subject
from strongroom_registry.errors import StoreUnavailable
from strongroom_service.http.settling import Settling


def subject(name: str) -> Subject:
    return Subject("view", "done", name)


class Writer:
    """Writes when it is let, and remembers which entries came together."""

    def __init__(self) -> None:
        self.transactions: list[list[str]] = []
        self.begun, self.go_on = Event(), Event()
        self.fails = False
        self.lock = Lock()

    def write_entries(self, subjects: Sequence[Subject], *, at_once: bool = False) -> None:
        assert self.lock.acquire(blocking=False), "two transactions at once"
        try:
            self.begun.set()
            assert self.go_on.wait(30)
            if self.fails:
                raise StoreUnavailable("The disk is full.", "Make room.")
            self.transactions.append([one.name for one in subjects])
        finally:
            self.lock.release()


@pytest.fixture
def writer() -> Writer:
    return Writer()


def test_what_comes_while_one_is_written_is_written_together(writer: Writer) -> None:
    settling = Settling()
    with ThreadPoolExecutor(9) as threads:
        first = threads.submit(settling.settle, [Owed(writer, subject("first"))])
        assert writer.begun.wait(30)
        others = [threads.submit(settling.settle, [Owed(writer, subject(f"{n}"))]) for n in range(8)]
        while len(settling._waiting) < 8:
            pass
        assert not any(other.done() for other in others)
        writer.go_on.set()
        for one in (first, *others):
            one.result(30)
    assert writer.transactions[0] == ["first"]
    assert sorted(writer.transactions[1]) == [f"{n}" for n in range(8)]
    assert len(writer.transactions) == 2


def test_all_learn_that_nothing_could_be_written_and_the_next_one_tries_again(writer: Writer) -> None:
    settling = Settling()
    writer.fails = True
    writer.go_on.set()
    with ThreadPoolExecutor(8) as threads:
        tried = [threads.submit(settling.settle, [Owed(writer, subject("x"))]) for _ in range(8)]
        for one in tried:
            with pytest.raises(StoreUnavailable, match="disk is full"):
                one.result(30)
    writer.fails = False
    settling.settle([Owed(writer, subject("y"))])
    assert writer.transactions == [["y"]]


def test_nothing_owed_takes_no_transaction(writer: Writer) -> None:
    Settling().settle([])
    assert not writer.begun.is_set()
