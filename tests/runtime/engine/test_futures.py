"""Submitted and mapped tasks: futures to wait for, to pass on, to take results from."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass
from typing import Any, NamedTuple

import pytest
from pydantic import BaseModel
from strongroom import allow_failure, flow, opaque, quote, task, unmapped
from strongroom.errors import MappingLengthMismatch, MappingMissingIterable, UnfinishedRun, UpstreamTaskError
from strongroom.futures import PrefectFuture, PrefectFutureList, as_completed, wait
from strongroom.journal.memory import MemoryJournal


@task
def double(x: int) -> int:
    return 2 * x


@task
def identity(value: Any) -> Any:
    return value


@task
def fail(message: str = "boom") -> int:
    raise ValueError(message)


@task
def wait_for_it(event: threading.Event) -> str:
    event.wait()
    return "over"


def test_a_future_gives_state_and_result() -> None:
    @flow
    def job() -> None:
        future = double.submit(2)
        assert isinstance(future, PrefectFuture)
        assert future.result() == 4
        assert future.done()
        assert future.state.is_completed()
        assert future.task_run_id.version == 8
        failed = fail.submit()
        with pytest.raises(ValueError, match="boom"):
            failed.result()
        assert isinstance(failed.result(raise_on_failure=False), ValueError)
        assert failed.state.is_failed()
        state = double.submit(2, return_state=True)
        assert state.result() == 4

    job()


def test_waiting_has_a_limit() -> None:
    event = threading.Event()

    @flow
    def job() -> None:
        future = wait_for_it.submit(quote(event))
        future.wait(timeout=0.01)
        assert not future.done()
        with pytest.raises(TimeoutError):
            future.result(timeout=0.01)
        done, not_done = wait([future], timeout=0.01)
        assert (done, not_done) == (set(), {future})
        with pytest.raises(TimeoutError):
            list(as_completed([future], timeout=0.01))
        event.set()
        assert future.result(timeout=30) == "over"
        assert wait([future]) == ({future}, set())

    job()


def test_futures_come_as_they_are_completed() -> None:
    first, second = threading.Event(), threading.Event()

    @flow
    def job() -> list[PrefectFuture[str]]:
        slow, fast = wait_for_it.submit(quote(first)), wait_for_it.submit(quote(second))
        second.set()
        seen = []
        for future in as_completed([slow, fast]):
            seen.append(future)
            first.set()
        assert seen == [fast, slow]

    job()


def test_a_callback_is_called_once_the_run_is_over() -> None:
    seen: list[Any] = []

    @flow
    def job() -> None:
        future = double.submit(2)
        future.wait()
        future.add_done_callback(seen.append)
        later = double.submit(future)
        later.add_done_callback(lambda f: seen.append(f.state.name))
        later.wait()
        assert seen == [future, "Completed"]

    job()


def test_asynchronous_code_waits_without_stopping_its_loop() -> None:
    event = threading.Event()

    @flow
    async def job() -> str:
        future = wait_for_it.submit(quote(event))
        await future.wait_async(timeout=0.01)
        assert not future.done()
        asyncio.get_running_loop().call_soon(event.set)
        return await future.result_async()

    assert asyncio.run(job()) == "over"


class Pair(NamedTuple):
    a: Any
    b: Any


@dataclass
class Box:
    value: Any
    other: int = 0


class Model(BaseModel):
    value: Any


@pytest.mark.parametrize(
    ("around", "expected"),
    [
        (lambda f: f, 4),
        (lambda f: [f, 1], [4, 1]),
        (lambda f: (f, 1), (4, 1)),
        (lambda f: {f, 1}, {4, 1}),
        (lambda f: {"a": {"b": [f]}}, {"a": {"b": [4]}}),
        (lambda f: Pair(f, 1), Pair(4, 1)),
        (lambda f: Box(f), Box(4)),
        (lambda f: Model(value=[f]), Model(value=[4])),
        (lambda f: double(2, return_state=True), 4),
        (lambda f: [double(2, return_state=True)], [4]),
        (lambda f: opaque(f), 4),
    ],
)
def test_futures_anywhere_in_the_inputs_become_results(around: Any, expected: Any) -> None:
    @flow
    def job() -> tuple[Any, Any]:
        future = double.submit(2)
        return identity(around(future)), identity.submit(around(future)).result()

    assert job() == (expected, expected)


def test_what_holds_no_futures_arrives_as_the_very_same_object() -> None:
    value = [{"a": Box([1, 2])}, Pair({1}, Model(value=[1]))]
    assert identity(value) is value


def test_quotes_and_opaque_values_are_not_looked_into() -> None:
    inner: list[Any] = []

    @task
    def is_inner(value: Any) -> bool:
        return value is inner

    @flow
    def job() -> None:
        inner.append(double.submit(2))
        assert is_inner(quote(inner))
        assert is_inner(opaque(inner))
        assert not is_inner(inner)

    job()


def test_a_task_waits_for_others_by_name(journal: MemoryJournal) -> None:
    event = threading.Event()
    order = []

    @task
    def record(what: str) -> None:
        order.append(what)

    @task
    def first() -> None:
        event.wait()
        order.append("first")

    @flow
    def job() -> None:
        before = first.submit()
        after = record.submit("second", wait_for=[before])
        event.set()
        after.wait()
        record("third", wait_for=[after])

    job()
    assert order == ["first", "second", "third"]
    [run] = journal.flow_runs()
    runs = {r.name: r for r in journal.task_runs(run.id)}
    assert runs["record-0"].upstream == (runs["first-0"].id,)


def test_a_failed_upstream_keeps_a_task_from_running(journal: MemoryJournal) -> None:
    @flow
    def job() -> None:
        bad = fail.submit()
        down = double.submit(bad)
        further = double.submit(down)
        waiting = double.submit(1, wait_for=[bad])
        for future in (down, further, waiting):
            future.wait()
            assert future.state.name == "NotReady"
            assert future.state.is_pending()
            with pytest.raises(UnfinishedRun):
                future.result()
        with pytest.raises(UpstreamTaskError, match="'fail-0' did not reach a 'COMPLETED' state"):
            double(bad)  # type: ignore[call-overload]

    job()
    [run] = journal.flow_runs()
    names = [r.state.name for r in journal.task_runs(run.id)]
    assert sorted(names) == ["Failed", "NotReady", "NotReady", "NotReady", "NotReady"]


def test_a_failure_may_be_allowed() -> None:
    @flow
    def job() -> None:
        bad = fail.submit("why")
        error = identity.submit(allow_failure(bad)).result()
        assert isinstance(error, ValueError)
        assert str(error) == "why"
        assert isinstance(identity(allow_failure([bad]))[0], ValueError)
        assert double.submit(1, wait_for=[allow_failure(bad)]).result() == 2

    job()


def test_a_task_maps_over_its_inputs() -> None:
    @task
    def add(x: int, y: int, z: Any = 0) -> Any:
        return x + y if not isinstance(z, list) else (x + y, z)

    @flow
    def job() -> None:
        futures = add.map([1, 2, 3], [10, 20, 30])
        assert isinstance(futures, PrefectFutureList)
        assert futures.result() == [11, 22, 33]
        assert add.map([1, 2], 10).result() == [11, 12]
        assert add.map([1, 2], 10, z=unmapped([7])).result() == [(11, [7]), (12, [7])]
        assert add.map(range(2), y=double.map([1, 2])).result() == [2, 5]
        assert add.map(identity.submit([1, 2]), unmapped(double.submit(5))).result() == [11, 12]
        assert [state.result() for state in add.map([1], [2], return_state=True)] == [3]
        assert add.map([], []).result() == []
        with pytest.raises(MappingLengthMismatch, match="x has 1, y has 2"):
            add.map([1], [2, 3])
        with pytest.raises(MappingMissingIterable):
            add.map(1, 2)

    job()


def test_failures_in_a_map_stay_apart() -> None:
    @task
    def only_odd(x: int) -> int:
        if x % 2 == 0:
            raise ValueError(x)
        return x

    @flow
    def job() -> None:
        futures = only_odd.map([1, 2, 3])
        futures.wait()
        assert [f.state.name for f in futures] == ["Completed", "Failed", "Completed"]
        with pytest.raises(ValueError, match="2"):
            futures.result()
        first, second, third = futures.result(raise_on_failure=False)
        assert (first, third, type(second)) == (1, 3, ValueError)
        states = [f.state.name for f in double.map(futures)]
        assert len(states) == 3
        assert [type(x) for x in identity.map(allow_failure(list(futures))).result()] == [int, ValueError, int]

    job()


def test_asynchronous_tasks_are_submitted_and_mapped_too() -> None:
    @task
    async def later(x: int) -> int:
        await asyncio.sleep(0)
        return x

    @flow
    async def job() -> Any:
        future = later.submit(1)
        return await future.result_async(), [await f.result_async() for f in later.map([2, 3])], await later(4)

    @flow
    def in_threads() -> list[int]:
        return later.map([1, 2]).result()

    assert asyncio.run(job()) == (1, [2, 3], 4)
    assert in_threads() == [1, 2]


def test_tasks_are_submitted_outside_of_flows_too(journal: MemoryJournal) -> None:
    assert double.submit(2).result() == 4
    assert double.map([1, 2]).result() == [2, 4]
    assert journal.flow_runs() == []


def test_a_subflow_takes_futures() -> None:
    @flow
    def child(x: int, parts: list[int]) -> int:
        return x + sum(parts)

    @flow
    def parent() -> Any:
        return child(double.submit(1), [double.submit(2), 3])  # type: ignore[call-overload]

    assert parent() == 9
