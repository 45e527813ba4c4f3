"""Limits of tags: task runs wait for slots before they are Running; who has no such tag pays nothing."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from strongroom import flow, tags, task
from strongroom.concurrency import tag_limits
from strongroom.concurrency.limits import create_limit, delete_limit, list_leases, read_limit
from strongroom.concurrency.sync import concurrency
from strongroom.concurrency.tag_limits import TagSlots, may_be_limited
from strongroom.errors import ConcurrencySlotAcquisitionError, LedgerUnavailable
from strongroom.journal import using_journal
from strongroom.journal.memory import MemoryJournal
from strongroom.ledger import Ledger
from strongroom.retries import Retries
from strongroom.rules import Call, Enter, Keep, Occupy, Policy, Sleep, Undo, Vacate, rules_of_a_run


@pytest.fixture(autouse=True)
def journal(monkeypatch: pytest.MonkeyPatch) -> Iterator[MemoryJournal]:
    monkeypatch.setenv("STRONGROOM_RESULTS_SEALED", "false")
    with using_journal(MemoryJournal()) as journal:
        yield journal  # type: ignore[misc]


def course(policy: Policy, replies: dict[type, list[Any]]) -> list[str]:
    """What the rules want done, in short; an exception among the replies is raised."""
    steps = rules_of_a_run(policy)
    done, effect = [], next(steps)
    while True:
        kind = type(effect)
        if kind is not Undo:
            done.append(effect.state.name if isinstance(effect, Enter) else kind.__name__)
        given = replies.get(kind, [])
        reply = given.pop(0) if given else effect.state if isinstance(effect, Enter | Keep) else None
        try:
            effect = steps.throw(reply) if isinstance(reply, BaseException) else steps.send(reply)
        except StopIteration:
            return done


def test_slots_are_held_while_running_and_not_between_attempts() -> None:
    policy = Policy("Task", Retries(1, [5.0]), occupies=True)
    assert course(policy, {Occupy: ["", "db"], Call: [ValueError(), 1]}) == [
        "Occupy", "Running", "Call", "Vacate", "AwaitingRetry", "Sleep", "Occupy", "AwaitingConcurrencySlot", "Occupy",
        "Retrying", "Call", "Vacate", "Keep", "Completed",
    ]  # fmt: skip


def test_a_run_without_slots_never_begins() -> None:
    policy = Policy("Task", occupies=True)
    assert course(policy, {Occupy: [ConcurrencySlotAcquisitionError("no")]}) == ["Occupy", "Failed"]
    assert course(policy, {Occupy: ["db", KeyboardInterrupt()]}) == [
        "Occupy", "AwaitingConcurrencySlot", "Occupy", "Crashed",
    ]  # fmt: skip


def test_who_has_no_limited_tag_does_without() -> None:
    effects = course(Policy("Task"), {Call: [1]})
    assert effects == ["Running", "Call", "Keep", "Completed"]
    assert not {Occupy.__name__, Vacate.__name__, Sleep.__name__} & set(effects)


class Counted:
    """How many tasks are inside at once."""

    def __init__(self) -> None:
        self.inside = self.most = 0
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        with self._lock:
            self.inside += 1
            self.most = max(self.most, self.inside)

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self.inside -= 1


def test_submitted_tasks_share_the_slots(each_ledger: Ledger) -> None:
    create_limit("tag:db", 2)
    counted, both = Counted(), threading.Barrier(2)

    @task(tags=["db"])
    def query(number: int) -> int:
        with counted:
            both.wait(30)
            return number

    @flow
    def load() -> list[int]:
        return query.map(range(6)).result()  # type: ignore[no-any-return]

    assert load() == list(range(6))
    assert counted.most == 2
    assert read_limit("tag:db").active_slots == 0


def test_a_run_that_waits_says_so(each_ledger: Ledger, journal: MemoryJournal, monkeypatch: pytest.MonkeyPatch) -> None:
    create_limit("tag:db", 1)
    waits, real = threading.Event(), TagSlots.occupy

    def occupy(slots: TagSlots) -> None:
        waits.set()
        real(slots)

    monkeypatch.setattr(TagSlots, "occupy", occupy)

    @task(tags=["db"])
    def query() -> int:
        return 1

    @flow
    def load() -> int:
        with concurrency("tag:db"):
            future = query.submit()
            assert waits.wait(60)
        return future.result()  # type: ignore[no-any-return]

    assert load() == 1
    [run] = journal.flow_runs()
    [task_run] = journal.task_runs(run.id)
    assert [(event.name, event.message) for event in task_run.history] == [
        ("Pending", ""), ("AwaitingConcurrencySlot", "All slots are taken: db."), ("Running", ""), ("Completed", ""),
    ]  # fmt: skip
    assert read_limit("tag:db").active_slots == 0


def test_asynchronous_tasks_share_the_slots(each_ledger: Ledger) -> None:
    create_limit("tag:db", 1)
    counted = Counted()

    @task(tags=["db"])
    async def query() -> None:
        with counted:
            await asyncio.sleep(0)

    @flow
    async def load() -> None:
        await asyncio.gather(*(query() for _ in range(20)))

    asyncio.run(load())
    assert counted.most == 1


def test_every_limited_tag_needs_a_slot(each_ledger: Ledger) -> None:
    create_limit("tag:db", 5)
    create_limit("tag:heavy", 5)

    @task(tags=["db", "free"])
    def query() -> list[str]:
        return [name for name in ("tag:db", "tag:heavy") for _ in list_leases(name)]

    with tags("heavy"):
        assert query() == ["tag:db", "tag:heavy"]
    assert query() == ["tag:db"]
    assert query.fn() == []


def test_a_limit_of_zero_fails_the_run_at_once(each_ledger: Ledger) -> None:
    create_limit("tag:closed", 0)
    calls = []

    @task(tags=["closed"], retries=3)
    def query() -> None:
        calls.append(1)

    with pytest.raises(ConcurrencySlotAcquisitionError, match="'tag:closed' has 0 slots"):
        query()
    assert calls == []


def test_slots_are_free_however_a_task_ends(each_ledger: Ledger) -> None:
    create_limit("tag:db", 1)

    @task(tags=["db"])
    def query(error: type[BaseException]) -> None:
        raise error

    for error in (ValueError, KeyboardInterrupt, SystemExit):
        with pytest.raises(error):
            query(error)
        assert read_limit("tag:db").active_slots == 0


def test_tags_without_limits_are_known_for_some_seconds(each_ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    real = tag_limits._asked
    monkeypatch.setattr(tag_limits, "_asked", lambda: asked.append(1) or real())

    @task(tags=["db"])
    def query() -> None:
        pass

    @flow
    def load() -> None:
        for _ in range(20):
            query()

    load()
    assert len(asked) == 1
    assert not may_be_limited(["db"])
    create_limit("tag:db", 1)
    assert may_be_limited(["db"])
    load()
    assert may_be_limited(["db"])
    assert not may_be_limited(["other"])
    delete_limit("tag:db")
    load()
    assert not may_be_limited(["db"])


def test_no_ledger_is_made_to_look_for_limits(tmp_path: Any, strongroom_home: Any) -> None:
    tag_limits.forget()

    @task(tags=["db"])
    def query() -> int:
        return 1

    assert query() == 1
    assert not (strongroom_home / "ledger.db").exists()


def test_limits_that_cannot_be_read_hold_nobody_up(
    each_ledger: Ledger, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def unreachable() -> Any:
        raise LedgerUnavailable("The ledger is away.", "Wait.")

    create_limit("other", 1)
    monkeypatch.setattr(each_ledger, "reading", unreachable)

    @task(tags=["db"])
    def query() -> int:
        return 1

    assert query() == query() == 1
    assert caplog.text.count("The ledger is away.") == 1


def test_a_limit_that_vanished_since_limits_nothing_in_silence(
    each_ledger: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    create_limit("tag:db", 1)

    @task(tags=["db"])
    def query() -> int:
        return 1

    query()
    with each_ledger.changing() as session:  # as another process does it
        session.execute("DELETE FROM concurrency_limits")
    assert query() == 1
    assert "no limit" not in caplog.text


def test_tag_limits_are_global_limits_of_that_name(each_ledger: Ledger) -> None:
    create_limit("tag:db", 1)

    @task(tags=["db"])
    def query() -> int:
        with pytest.raises(TimeoutError):
            concurrency("tag:db", timeout_seconds=0).__enter__()
        return 1

    assert query() == 1


def test_tasks_without_tags_load_nothing_of_this() -> None:
    code = """
import sys
from strongroom import flow, task
from strongroom.testing import strongroom_test_harness

@task
def query():
    return 1

@flow
def load():
    return query() + query.submit().result()

with strongroom_test_harness():
    assert load() == 2
assert not [name for name in sys.modules if name.startswith(("strongroom.concurrency", "strongroom.artifacts"))]
"""
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
