"""Requests that are worked on where they come: what they owe to the audit is written there, or by a thread where
somebody else writes or the disk is slow."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from servers.taking import Asking, Taken, asking
from strongroom_registry.errors import StoreUnavailable
from strongroom_service.http import loop_lane
from strongroom_service.http.application import Application
from strongroom_service.http.loop_lane import LoopLane
from strongroom_service.http.pipeline import Worked
from strongroom_service.http.stages.rate_limit import IdentityLimit, RateLimit
from strongroom_service.identity.grant import Grant
from strongroom_service.service import Service

ALL = "/api/v1/workspaces/default/documents"
ONE = f"{ALL}/lake/payload"


class Hand:
    """Seconds that go by when they are told to."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def hand(monkeypatch: pytest.MonkeyPatch) -> Hand:
    hand = Hand()
    monkeypatch.setattr(loop_lane, "time", SimpleNamespace(monotonic=hand))
    return hand


@pytest.fixture
def asked(service: Service, hand: Hand) -> Iterator[Asking]:
    service.registry("default").put("lake", type="t", schema="s", payload=b"payload")
    with asking(Application(service), service.tokens.make_root().token.text) as opened:
        assert opened.ask(ONE).status == 200  # what is loaded for the first time is loaded
        yield opened


Settle = Callable[[list[Worked]], bool | None]


class Settled:
    """Which groups were written where."""

    def __init__(self, asked: Asking, monkeypatch: pytest.MonkeyPatch) -> None:
        pipeline = asked.application._pipeline
        self.groups: list[tuple[str, int]] = []
        self.before: Callable[[], None] = lambda: None
        for name in ("settle", "settle_at_once"):
            monkeypatch.setattr(pipeline, name, self._noting(name, getattr(pipeline, name)))

    def _noting(self, name: str, settle: Settle) -> Settle:
        def noted(batch: list[Worked]) -> bool | None:
            thread = threading.current_thread()
            where = "loop" if thread is threading.main_thread() else "thread"
            self.groups.append((f"{name} on {where}", len(batch)))
            self.before()
            return settle(batch)

        return noted

    def new(self) -> list[tuple[str, int]]:
        """Those since it was asked last."""
        groups, self.groups = self.groups, []
        return groups


@pytest.fixture
def settled(asked: Asking, monkeypatch: pytest.MonkeyPatch) -> Settled:
    return Settled(asked, monkeypatch)


AT_ONCE, IN_THREAD = "settle_at_once on loop", "settle on thread"


def revealed(asked: Asking, count: int = 1) -> None:
    answers = asked.answers(*[asked.take(ONE) for _ in range(count)])
    assert {answer.status for answer in answers} == {200}


def loads(service: Service) -> int:
    registry = service.registry("default")
    assert registry.verify_audit().ok
    return sum(entry.count for entry in registry.audit() if entry.action == "load")


@pytest.fixture
def writing(strongroom_home: Path) -> Iterator[sqlite3.Connection]:
    """Another process that writes, until it rolls back."""
    other = sqlite3.connect(strongroom_home / "registry.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    yield other
    other.close()


def test_those_of_a_turn_are_one_transaction_of_as_many_as_have_a_turn(
    asked: Asking, settled: Settled, service: Service
) -> None:
    before = service.registry("default").anchor().seq
    revealed(asked, 150)
    assert settled.new() == [(AT_ONCE, 64), (AT_ONCE, 64), (AT_ONCE, 22)]
    assert service.registry("default").anchor().seq == before + 3
    for count in (1, 3, 1, 2):
        revealed(asked, count)
    assert settled.new() == [(AT_ONCE, 1), (AT_ONCE, 3), (AT_ONCE, 1), (AT_ONCE, 2)]
    assert loads(service) == 158


def test_others_have_their_turn_between_those_of_many(asked: Asking) -> None:
    seen: list[int] = []
    done: list[Taken] = []
    waiting = [asked.take(ONE, told=done.append) for _ in range(200)]

    def look() -> None:
        seen.append(len(done))
        if len(done) < 200:
            asked.loop.call_soon(look)

    asked.loop.call_soon(look)
    asked.answers(*waiting)
    assert {64, 128} <= set(seen)


def test_while_another_process_writes_a_thread_waits_for_it_and_the_loop_turns(
    asked: Asking, settled: Settled, service: Service, hand: Hand, writing: sqlite3.Connection
) -> None:
    waiting = [asked.take(ONE) for _ in range(3)]
    asked.turn(20)
    assert not any(answer.done() for answer in waiting)
    others = [asked.take(ONE) for _ in range(2)]
    asked.turn(20)
    settled_so_far = settled.new()
    assert settled_so_far[0] == (AT_ONCE, 3)
    assert (AT_ONCE, 2) not in settled_so_far
    assert not any(answer.done() for answer in (*waiting, *others))
    writing.execute("ROLLBACK")
    assert {answer.status for answer in asked.answers(*waiting, *others)} == {200}
    assert all(where == IN_THREAD for where, _ in settled.new())
    assert loads(service) == 6
    hand.now += 0.1
    revealed(asked, 2)
    assert settled.new() == [(AT_ONCE, 2)]


def test_after_others_wrote_a_thread_writes_for_a_little_while(
    asked: Asking, settled: Settled, hand: Hand, writing: sqlite3.Connection
) -> None:
    waiting = asked.take(ONE)
    asked.turn(20)
    writing.execute("ROLLBACK")
    asked.answers(waiting)
    settled.new()
    revealed(asked)
    assert settled.new() == [(IN_THREAD, 1)]
    hand.now += 0.06
    revealed(asked)
    assert settled.new() == [(AT_ONCE, 1)]


def test_where_the_disk_is_slow_a_thread_waits_for_it_for_a_while(asked: Asking, settled: Settled, hand: Hand) -> None:
    def slow() -> None:
        hand.now += 0.03

    settled.before = slow
    revealed(asked)
    assert settled.new() == [(AT_ONCE, 1)]
    settled.before = lambda: None
    for _ in range(2):
        revealed(asked)
        assert settled.new() == [(IN_THREAD, 1)]
    hand.now += 0.9
    revealed(asked)
    assert settled.new() == [(IN_THREAD, 1)]
    hand.now += 0.2
    revealed(asked)
    assert settled.new() == [(AT_ONCE, 1)]


def test_what_comes_while_a_thread_writes_is_its_next_transaction(
    asked: Asking, settled: Settled, service: Service, hand: Hand, writing: sqlite3.Connection
) -> None:
    first = asked.take(ONE)
    asked.turn(20)
    later = []
    for _ in range(4):
        later += [asked.take(ONE) for _ in range(2)]
        asked.turn(10)
    before = service.registry("default").anchor().seq
    writing.execute("ROLLBACK")
    assert {answer.status for answer in asked.answers(first, *later)} == {200}
    assert settled.new() == [(AT_ONCE, 1), (IN_THREAD, 1), (IN_THREAD, 8)]
    assert service.registry("default").anchor().seq == before + 2


def test_counts_that_wait_are_written_by_the_thread_before_the_loop_goes_on(
    asked: Asking, settled: Settled, service: Service, hand: Hand
) -> None:
    """The server itself has loaded something more than once, which the next entry of that audit has to say first."""
    registry = service.registry("default")
    for _ in range(3):
        registry.get("lake")
    revealed(asked, 2)
    assert settled.new() == [(AT_ONCE, 2), (IN_THREAD, 2)]
    hand.now += 0.1
    revealed(asked)
    assert settled.new() == [(AT_ONCE, 1)]
    assert loads(service) == 1 + 3 + 3


def test_the_log_is_written_back_now_and_then_by_the_thread(
    asked: Asking, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop_lane, "_WRITE_BACK_EVERY", 3)
    lane, threads = asked.application._quick, list[str]()
    assert isinstance(lane, LoopLane)

    def write_back() -> None:
        threads.append(threading.current_thread().name)
        raise StoreUnavailable("Somebody reads it.", "Try again.")

    monkeypatch.setattr(service.workspaces, "write_back", write_back)
    lane._log_length = 0
    for _ in range(10):
        revealed(asked, 2)
    lane._settler.submit(lambda: None).result(60)
    assert len(threads) == 3
    assert all(name.startswith("strongroom-audit") for name in threads)


@pytest.mark.parametrize("in_thread", [False, True])
def test_where_the_audit_fails_nothing_is_revealed_and_the_next_one_is(
    asked: Asking, service: Service, hand: Hand, monkeypatch: pytest.MonkeyPatch, in_thread: bool
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise StoreUnavailable("The disk is full.", "Make room.")

    lane = asked.application._quick
    assert isinstance(lane, LoopLane)
    lane._patient_until = hand.now + 1 if in_thread else 0.0
    store = service.registry("default")._access.store  # type: ignore[attr-defined]
    with monkeypatch.context() as full:
        full.setattr(store, "renew", fails)
        full.setattr(store, "writing", fails)
        answers = asked.answers(*[asked.take(ONE) for _ in range(3)])
    assert {answer.status for answer in answers} == {503}
    assert not any(b"etag" in answer.names or b'"payload"' in answer.body for answer in answers)
    revealed(asked, 3)
    assert loads(service) == 4


def test_one_workspace_that_is_rolled_back_reveals_nothing(
    asked: Asking, service: Service, strongroom_home: Path
) -> None:
    with sqlite3.connect(strongroom_home / "registry.db") as there:
        before = there.execute("SELECT record, mac, id FROM workspaces WHERE name = 'default'").fetchall()
    revealed(asked)
    with sqlite3.connect(strongroom_home / "registry.db") as there:
        there.executemany("UPDATE workspaces SET record = ?, mac = ? WHERE id = ?", before)
    there.close()
    for answer in asked.answers(*[asked.take(ONE) for _ in range(2)]):
        assert answer.status == 500
        assert b'"payload"' not in answer.body


def test_where_the_records_are_none_everybody_is_told(asked: Asking, strongroom_home: Path) -> None:
    there = strongroom_home / "service.db"
    for beside in ("-wal", "-shm"):
        there.with_name(there.name + beside).unlink()
    there.unlink()
    there.write_bytes(b"Dear diary, " * 1000)
    for answer in asked.answers(*[asked.take(ONE) for _ in range(3)]):
        assert answer.status >= 500


def test_a_moment_that_cannot_begin_keeps_nobody_waiting(
    asked: Asking, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails() -> None:
        raise MemoryError

    monkeypatch.setattr(service.records, "begin_moment", fails)
    revealed(asked, 3)


@pytest.mark.parametrize("name", ["absent", "closed"])
def test_no_workspace_is_opened_on_the_loop(
    asked: Asking, service: Service, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Its key may be far away: nobody is to wait for that because somebody names it, with a token or without."""
    service.workspaces.add("closed").put("lake", type="t", schema="s", payload=b"payload")
    service.workspaces._opened.pop("closed")
    threads: list[str] = []
    opening = service.workspaces._opening

    def noted(name: str) -> object:
        threads.append(threading.current_thread().name)
        return opening(name)

    nobody = service.tokens.issue(Grant(identity="user:nobody", policies=("none",))).token.text
    monkeypatch.setattr(service.workspaces, "_opening", noted)
    path = f"/api/v1/workspaces/{name}/documents"
    for token, expected in ((nobody, 403), ("", 401), ("wrong", 401), (asked.token, 404 if name == "absent" else 200)):
        answers = asked.answers(*[asked.take(f"{path}{more}", token=token) for more in ("/lake/payload", "/lake", "")])
        assert [answer.status for answer in answers] == [expected] * 3
    assert threads
    assert all(thread.startswith("strongroom-request") for thread in threads)


def test_who_names_a_workspace_that_is_not_open_is_counted_once(service: Service, hand: Hand) -> None:
    limit = IdentityLimit(RateLimit(1.0, 3, hand))
    with asking(Application(service, stages=(limit,)), service.tokens.make_root().token.text) as asked:
        path = "/api/v1/workspaces/absent/documents/lake"
        answers = asked.answers(*[asked.take(path) for _ in range(5)])
        assert sorted(answer.status for answer in answers) == [404] * 3 + [429] * 2


def test_what_is_owed_is_written_when_the_application_closes(
    service: Service, hand: Hand, writing: sqlite3.Connection
) -> None:
    writing.execute("ROLLBACK")
    service.registry("default").put("lake", type="t", schema="s", payload=b"payload")
    with asking(Application(service), service.tokens.make_root().token.text) as asked:
        revealed(asked)
        writing.execute("BEGIN IMMEDIATE")
        waiting = [asked.take(ONE) for _ in range(3)]
        asked.turn(20)
        closing = threading.Thread(target=asked.application.close)
        closing.start()
        writing.execute("ROLLBACK")
        closing.join(60)
        assert not closing.is_alive()
        assert loads(service) == 4
        assert {answer.status for answer in asked.answers(*waiting)} == {200}
