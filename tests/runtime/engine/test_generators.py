"""Generators as tasks and flows: items come as they are made, and the run ends when the generator does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from strongroom import flow, task
from strongroom.errors import TaskRunTimeoutError
from strongroom.journal.memory import MemoryJournal
from strongroom.runtime import flow_run, task_run


@task
def count(n: int) -> Iterator[int]:
    yield from range(n)


@task
async def count_later(n: int) -> AsyncIterator[int]:
    for number in range(n):
        await asyncio.sleep(0)
        yield number


def test_items_come_one_by_one(journal: MemoryJournal) -> None:
    seen = []

    @task
    def watched() -> Iterator[str]:
        seen.append("first made")
        yield "first"
        seen.append("second made")
        yield "second"

    @flow
    def job() -> None:
        for item in watched():
            seen.append(f"{item} taken")

    job()
    assert seen == ["first made", "first taken", "second made", "second taken"]
    [run] = journal.flow_runs()
    [record] = journal.task_runs(run.id)
    assert [event.name for event in record.history] == ["Running", "Completed"]


def test_flows_are_generators_too(journal: MemoryJournal) -> None:
    @flow
    def numbers() -> Iterator[Any]:
        for number in count(3):
            yield number, flow_run.flow_name

    assert list(numbers()) == [(0, "numbers"), (1, "numbers"), (2, "numbers")]
    assert journal.flow_runs()[0].state.is_completed()


def test_the_caller_is_not_part_of_the_run_between_items() -> None:
    @task(name="inside")
    def look() -> Iterator[str | None]:
        yield task_run.task_name
        yield task_run.task_name

    items = look()
    assert next(items) == "inside"
    assert task_run.task_name is None
    assert next(items) == "inside"


def test_values_can_be_sent_and_thrown_in() -> None:
    @task
    def echo() -> Iterator[Any]:
        received = yield "ready"
        try:
            yield received
        except KeyError:
            yield "caught"

    items: Any = echo()
    assert next(items) == "ready"
    assert items.send("hello") == "hello"
    assert items.throw(KeyError("x")) == "caught"


def test_a_generator_that_fails_fails_its_run_and_is_retried() -> None:
    attempts = []

    @task(retries=1)
    def flaky() -> Iterator[int]:
        attempts.append(1)
        yield len(attempts)
        if len(attempts) == 1:
            raise ValueError("boom")

    assert list(flaky()) == [1, 2]

    @task
    def fails() -> Iterator[int]:
        yield 1
        raise ValueError("boom")

    items = fails()
    assert next(items) == 1
    with pytest.raises(ValueError, match="boom"):
        next(items)


def test_a_caller_may_stop_early(journal: MemoryJournal) -> None:
    cleaned = []

    @task
    def endless() -> Iterator[int]:
        try:
            while True:
                yield 1
        finally:
            cleaned.append(True)

    @flow
    def job() -> None:
        items: Any = endless()
        next(items)
        items.close()

    job()
    assert cleaned == [True]
    [run] = journal.flow_runs()
    [record] = journal.task_runs(run.id)
    assert record.state.is_completed()
    assert "stopped iterating" in (record.state.message or "")


def test_a_submitted_generator_gives_a_list() -> None:
    assert count.submit(3).result() == [0, 1, 2]
    assert count.map([1, 2]).result() == [[0], [0, 1]]
    assert count_later.submit(3).result() == [0, 1, 2]
    assert count(2, return_state=True).result() == [0, 1]


def test_asynchronous_generators(journal: MemoryJournal) -> None:
    @flow
    async def job() -> AsyncIterator[int]:
        async for number in count_later(3):
            yield number

    async def main() -> list[int]:
        return [number async for number in job()]

    assert asyncio.run(main()) == [0, 1, 2]
    [run] = journal.flow_runs()
    assert run.state.is_completed()
    assert [r.state.name for r in journal.task_runs(run.id)] == ["Completed"]


def test_values_can_be_sent_and_thrown_into_asynchronous_generators() -> None:
    @task
    async def echo() -> AsyncIterator[Any]:
        received = yield "ready"
        try:
            yield received
        except KeyError:
            yield "caught"

    async def main() -> None:
        items: Any = echo()
        assert await anext(items) == "ready"
        assert await items.asend("hello") == "hello"
        assert await items.athrow(KeyError("x")) == "caught"
        with pytest.raises(StopAsyncIteration):
            await anext(items)
        items = echo()
        await anext(items)
        with pytest.raises(ValueError, match="not caught"):
            await items.athrow(ValueError("not caught"))

    asyncio.run(main())


def test_a_caller_may_stop_an_asynchronous_generator_early(journal: MemoryJournal) -> None:
    cleaned = []

    @task(name="endless")
    async def endless() -> AsyncIterator[int]:
        try:
            while True:
                yield 1
        finally:
            await asyncio.sleep(0)
            cleaned.append(task_run.task_name)

    @flow
    async def job() -> None:
        items: Any = endless()
        await anext(items)
        await items.aclose()

    asyncio.run(job())
    assert cleaned == ["endless"]
    [run] = journal.flow_runs()
    [record] = journal.task_runs(run.id)
    assert record.state.is_completed()
    assert "stopped iterating" in (record.state.message or "")


def test_a_timeout_ends_a_generator() -> None:
    @task(timeout_seconds=0.05)
    def stuck() -> Iterator[int]:
        yield 1
        while True:
            pass

    @task(timeout_seconds=0.05)
    async def stuck_later() -> AsyncIterator[int]:
        yield 1
        await asyncio.Event().wait()

    items = stuck()
    assert next(items) == 1
    with pytest.raises(TaskRunTimeoutError):
        next(items)

    async def main() -> None:
        with pytest.raises(TaskRunTimeoutError):
            async for _ in stuck_later():
                pass

    asyncio.run(main())
