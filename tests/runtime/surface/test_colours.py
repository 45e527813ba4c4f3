"""Synchronous and asynchronous functions and generators, one inside the other."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from strongroom import flow, task
from strongroom.runtime import flow_run, task_run
from strongroom.states import Completed
from strongroom.utilities.asyncutils import run_coro_as_sync, run_sync_in_worker_thread


@task
def inc(x: int) -> int:
    return x + 1


@task
async def ainc(x: int) -> int:
    await asyncio.sleep(0)
    return x + 1


@task
async def aboom() -> None:
    raise KeyError("a")


@flow
def child(x: int) -> int:
    return inc(x)


@flow
async def achild(x: int) -> int:
    return await ainc(x)


def test_an_asynchronous_flow_calls_everything() -> None:
    @task
    async def nested(x: int) -> int:
        return await ainc(x) + inc(x)

    @flow
    async def main() -> Any:
        future = ainc.submit(1)
        async with asyncio.TaskGroup() as group:
            one, two = group.create_task(ainc(5)), group.create_task(achild(6))
        with pytest.raises(KeyError):
            await aboom()
        return [
            await ainc(1),
            inc(1),
            await asyncio.gather(*[ainc(i) for i in range(3)]),
            future.result(),
            ainc.map([1, 2]).result(),
            inc.submit(future).result(),
            await asyncio.gather(achild(1), achild(2)),
            child(3),
            await nested(1),
            (one.result(), two.result()),
            (await ainc(1, return_state=True)).name,
            (await aboom(return_state=True)).name,
            ainc.submit(1, return_state=True).result(),
            await future.result_async(),
            await (await ainc(3, return_state=True)).aresult(),
        ]

    assert asyncio.run(main()) == [
        2, 2, [1, 2, 3], 2, [2, 3], 3, [2, 3], 4, 4, (6, 7), "Completed", "Failed", 2, 2, 4,
    ]  # fmt: skip


def test_a_synchronous_flow_submits_asynchronous_tasks() -> None:
    @flow
    def main() -> Any:
        return [ainc.submit(1).result(), ainc.map([1, 2]).result(), asyncio.run(achild(1)), run_coro_as_sync(ainc(4))]

    assert main() == [2, [2, 3], 2, 5]


def test_final_states_of_asynchronous_flows() -> None:
    @flow
    async def mixed() -> Any:
        return ainc.submit(1), aboom.submit()

    @flow
    async def by_hand() -> Any:
        return Completed(name="Skipped", message="x")

    @flow(retries=1)
    async def second_time_lucky() -> int:
        if flow_run.run_count < 2:
            raise ValueError
        return flow_run.run_count

    state = asyncio.run(mixed(return_state=True))
    assert (state.name, state.message) == ("Failed", "1/2 states failed.")
    assert asyncio.run(by_hand(return_state=True)).name == "Skipped"
    assert asyncio.run(second_time_lucky()) == 2


def test_direct_calls_stay_on_the_callers_thread_and_submitted_ones_do_not() -> None:
    @task
    async def where() -> bool:
        return threading.current_thread() is threading.main_thread()

    @flow
    async def main() -> Any:
        return await where(), task(where.fn).submit().result()

    assert asyncio.run(main()) == (True, False)


def test_from_one_colour_to_the_other() -> None:
    async def main() -> Any:
        return run_coro_as_sync(asyncio.sleep(0, "from a loop")), await run_sync_in_worker_thread(abs, -2)

    assert run_coro_as_sync(asyncio.sleep(0, 3)) == 3
    assert asyncio.run(main()) == ("from a loop", 2)

    async def lost() -> None:
        raise KeyError("x")

    async def outer() -> None:
        run_coro_as_sync(lost())

    with pytest.raises(KeyError):
        asyncio.run(outer())


@task
def count(n: int) -> Iterator[int]:
    yield from range(n)


@task
async def acount(n: int) -> AsyncIterator[int]:
    for i in range(n):
        await asyncio.sleep(0)
        yield i


def test_generators_are_tasks_and_flows_of_either_colour() -> None:
    @flow
    def main() -> Iterator[int]:
        for x in count(3):
            yield inc(x)

    @flow
    async def amain() -> AsyncIterator[int]:
        async for x in acount(3):
            yield x

    async def all_of(items: Any, limit: int = 9) -> list[Any]:
        found = []
        async for item in items:
            found.append(item)
            if len(found) == limit:
                break
        return found

    assert list(main()) == [1, 2, 3]
    assert asyncio.run(all_of(amain())) == [0, 1, 2]
    assert asyncio.run(all_of(acount(5), 2)) == [0, 1]
    assert list(flow(lambda: inc.map(x for x in count(2)).result(), name="f")()) == [1, 2]  # type: ignore[call-overload]


def test_generators_take_what_is_sent_and_clean_up() -> None:
    seen: list[Any] = []

    @task
    def talk() -> Iterator[int]:
        try:
            seen.append((yield 1))
            yield 2
        finally:
            seen.append("closed")

    items = talk()
    assert (next(items), items.send("x")) == (1, 2)  # type: ignore[attr-defined]
    items.close()  # type: ignore[attr-defined]
    assert seen == ["x", "closed"]


def test_a_generator_that_raises_gave_what_it_gave() -> None:
    @flow
    def fails() -> Iterator[int]:
        yield 1
        raise KeyError("x")

    items = fails()
    assert next(items) == 1
    with pytest.raises(KeyError):
        next(items)


def test_what_generators_give_where_nobody_iterates() -> None:
    @flow
    def main() -> Any:
        return [count.submit(2).result(), acount.submit(2).result(), count(2, return_state=True).result()]

    assert main() == [[0, 1], [0, 1], [0, 1]]
    assert task(lambda: (i for i in [1, 2]))() == [1, 2]
    assert list(next(task(lambda: iter([(i for i in [7])]))())) == [7]


def test_a_generator_is_tried_again_from_its_start() -> None:
    @task(retries=1)
    def twice() -> Iterator[int]:
        yield task_run.run_count
        if task_run.run_count == 1:
            raise ValueError

    assert list(twice()) == [1, 2]
