"""Threads that work on requests: batches, what has to wait, what nobody foresaw, and the end."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from servers.taking import Asking, asking
from strongroom_service.http import lane as module
from strongroom_service.http.application import Application
from strongroom_service.http.lane import Lane
from strongroom_service.service import Service

ALL = "/api/v1/workspaces/default/documents"


class Pipeline:
    """Notes what it is given, and works on it as the test says. What is asked is a number, and so is the answer."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.work: Callable[[list[int]], object] = lambda _: None
        self.has_to_wait: set[int] = set()
        self.waited: list[int] = []

    def work_together(self, requests: Sequence[int], *, may_wait: bool = True) -> list[int | None]:
        self.batches.append(list(requests))
        self.work(list(requests))
        return [None if not may_wait and one in self.has_to_wait else one for one in requests]

    def work_alone(self, request: int) -> int:
        self.waited.append(request)
        return request


@pytest.fixture
def pipeline() -> Pipeline:
    return Pipeline()


Made = Callable[..., Lane]


@pytest.fixture
def made(pipeline: Pipeline) -> Iterator[Made]:
    lanes: list[Lane] = []

    def make(**more: Any) -> Lane:
        lane = Lane(pipeline, name="tried", **more)  # type: ignore[arg-type]
        lanes.append(lane)
        return lane

    yield make
    for lane in lanes:
        lane.close()


async def answers(lane: Lane, *requests: int) -> list[object]:
    async with asyncio.timeout(60):
        return list(await asyncio.gather(*[lane.answer(request) for request in requests]))  # type: ignore[arg-type]


def test_what_comes_together_is_worked_on_together(made: Made, pipeline: Pipeline) -> None:
    lane = made(threads=2, batch=8)
    assert asyncio.run(answers(lane, *range(20))) == [*range(20)]
    assert [one for batch in pipeline.batches for one in batch] == [*range(20)]
    assert len(pipeline.batches) <= 3
    assert pipeline.batches[0][:8] == [*range(8)]


def test_what_has_to_wait_does_so_elsewhere_and_keeps_nobody(made: Made, pipeline: Pipeline) -> None:
    slow = made(threads=1, batch=1)
    lane = made(threads=1, batch=8, waiting=slow)
    pipeline.has_to_wait = {2, 5}
    assert asyncio.run(answers(lane, *range(7))) == [*range(7)]
    assert pipeline.waited == [2, 5]


def test_it_ends_when_what_waits_is_done(made: Made, pipeline: Pipeline) -> None:
    lane = made(threads=3, batch=2)

    async def close_meanwhile() -> list[object]:
        waiting = [asyncio.ensure_future(lane.answer(number)) for number in range(9)]  # type: ignore[arg-type]
        while lane._gathering._asked or not waiting[0].done():
            await asyncio.sleep(0)
        await asyncio.to_thread(lane.close)
        return list(await asyncio.wait_for(asyncio.gather(*waiting), 60))

    assert asyncio.run(close_meanwhile()) == [*range(9)]


def test_it_ends_though_its_helpers_are_sent_to_rest_meanwhile(
    made: Made, pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A helper that still works when everything is to end is not to wait to be called again."""
    monkeypatch.setattr(module, "time", SimpleNamespace(perf_counter=lambda: 0.0))
    lane = made(threads=2, batch=2)
    begun, go_on = {0: threading.Event(), 1: threading.Event()}, {0: threading.Event(), 1: threading.Event()}
    first = lane._threads[0]

    def work(_: list[int]) -> None:
        which = 0 if threading.current_thread() is first else 1
        begun[which].set()
        assert go_on[which].wait(60)

    pipeline.work = work

    async def both_are_busy() -> None:
        loop = asyncio.get_running_loop()
        lane._is_helped.set()
        for number in range(2):
            lane._queue.put([(number, loop, lambda _: None)])  # type: ignore[list-item, arg-type]
            while sum(event.is_set() for event in begun.values()) <= number:
                await asyncio.sleep(0)
        closing = threading.Thread(target=lane.close)
        closing.start()
        while lane._queue.qsize() < 2:
            await asyncio.sleep(0)
        go_on[0].set()
        await asyncio.to_thread(first.join, 60)
        go_on[1].set()
        await asyncio.to_thread(closing.join, 20)
        ended.append(not closing.is_alive())
        lane._is_helped.set()

    ended: list[bool] = []
    asyncio.run(both_are_busy())
    assert ended == [True]


# -- what nobody foresaw, over PostgreSQL


@pytest.fixture
def far(service: Service, monkeypatch: pytest.MonkeyPatch) -> Iterator[Asking]:
    """An application that works with threads, as over a server that is far away."""
    service.registry("default").put("lake", type="t", schema="s", payload=b"payload")
    monkeypatch.setattr(type(service.workspaces), "waits_for_disks_alone", False)
    with asking(Application(service), service.tokens.make_root().token.text) as opened:
        assert isinstance(opened.application._quick, Lane)
        assert opened.ask(f"{ALL}/lake/payload").status == 200
        yield opened


def fails(*_: object, **__: object) -> None:
    raise ZeroDivisionError


@pytest.mark.parametrize("what", ["tokens.look_ahead", "records.begin_moment", "registry", "records.look_ahead"])
def test_where_reading_ahead_fails_each_is_answered_all_the_same(
    far: Asking, service: Service, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    place, _, name = what.rpartition(".")
    if place:
        monkeypatch.setattr(getattr(service, place), name, fails)
    else:
        registry = service.workspaces.registry("default")
        monkeypatch.setattr(registry, "ahead", fails)
    for _ in range(2):
        waiting = [far.take(f"{ALL}/lake/payload") for _ in range(3)]
        assert {answer.status for answer in far.answers(*waiting)} == {200}


def test_a_workspace_that_is_removed_meanwhile_is_unknown(
    far: Asking, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between a look whether it is open, and its opening."""
    monkeypatch.setattr(service.workspaces, "is_opened", lambda _: True)
    waiting = [
        far.take("/api/v1/workspaces/gone/documents/lake/payload"),
        far.take(f"{ALL}/lake/payload"),
        far.take("/api/v1/workspaces/Not%20One/documents/lake/payload"),
    ]
    assert [answer.status for answer in far.answers(*waiting)] == [404, 200, 400]


def test_what_was_changed_since_it_was_read_ahead_is_as_it_was_or_as_it_is(far: Asking, service: Service) -> None:
    registry = service.registry("default")
    for number in range(20):
        waiting = [far.take(f"{ALL}/lake/payload") for _ in range(3)]
        registry.put("lake", type="t", schema="s", payload=b"%d" % number, overwrite=True)
        answers = far.answers(*waiting)
        assert {answer.status for answer in answers} == {200}
        assert {answer.body for answer in answers} == {answers[0].body}
    registry.destroy("lake")
    assert far.ask(f"{ALL}/lake/payload").status == 410
    assert registry.verify_audit().ok
