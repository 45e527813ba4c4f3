"""``await`` before calls that Prefect's asynchronous scripts await, and the same calls without it."""

from __future__ import annotations

import asyncio
import dis
from typing import Any

import pytest
from strongroom import Secret, flow, task
from strongroom.artifacts import create_markdown_artifact
from strongroom.states import Failed, get_state_exception, raise_state_exception
from strongroom.variables import Variable
from strongroom_blocks.awaited import awaitable_too


@task
async def fetch(x: int) -> int:
    return x + 1


@task
def inc(x: int) -> int:
    return x + 1


@task
async def fail() -> None:
    raise ValueError("lost")


def run(coroutine_function: Any) -> Any:
    """What it gives inside an asynchronous flow."""
    found: list[Any] = []

    @flow
    async def main() -> None:
        found.append(await coroutine_function())

    asyncio.run(main())
    return found[0]


def test_states_give_their_results_with_and_without() -> None:
    async def body() -> Any:
        state, failed = await fetch(1, return_state=True), await fail(return_state=True)
        with pytest.raises(ValueError, match="lost"):
            await failed.result()
        with pytest.raises(ValueError, match="lost"):
            failed.result()
        return [
            await state.result(),
            state.result(),
            await inc(1, return_state=True).result(),
            [await each.result() for each in fetch.map([1, 2], return_state=True)],
            [each.result() for each in fetch.map([1, 2], return_state=True)],
            str(await failed.result(raise_on_failure=False)),
            str(failed.result(raise_on_failure=False)),
            await state.aresult(),
        ]

    assert run(body) == [2, 2, 2, [2, 3], [2, 3], "lost", "lost", 2]


def test_a_hook_of_an_asynchronous_flow_gets_values() -> None:
    seen: list[Any] = []

    @flow(on_failure=[lambda flow, run, state: seen.append(state.result(raise_on_failure=False))])
    async def main() -> None:
        raise KeyError("x")

    asyncio.run(main(return_state=True))
    assert [type(each) for each in seen] == [KeyError]


def test_exceptions_of_states() -> None:
    error = ValueError("x")

    async def body() -> Any:
        with pytest.raises(ValueError, match="x"):
            await raise_state_exception(Failed(data=error))
        return await get_state_exception(Failed(data=error)), get_state_exception(Failed(data=error))

    assert run(body) == (error, error)


def test_blocks_variables_and_artifacts() -> None:
    async def body() -> Any:
        await Secret(value="w" * 9).save("mail")
        Secret(value="v" * 9).save("web")
        await Variable.set("rows", 3)
        Variable.set("columns", 4)
        await create_markdown_artifact("# x", key="x")
        given = [
            (await Secret.load("mail")).get(),
            Secret.load("web").get(),
            await Variable.get("rows"),
            Variable.get("columns"),
            await Variable.get("none", default=[]),
            await Variable.unset("rows"),
            Variable.unset("columns"),
        ]
        await Secret.delete("mail")
        return given

    assert run(body) == ["w" * 9, "v" * 9, 3, 4, [], True, True]


def test_a_call_that_is_awaited_leaves_the_event_loop_alone() -> None:
    import threading

    where = awaitable_too(threading.current_thread)

    async def body() -> Any:
        return await where() is threading.main_thread(), where() is threading.main_thread()

    assert asyncio.run(body()) == (False, True)


def test_what_is_awaited_is_told_by_the_instruction_after_the_call() -> None:
    async def body(f: Any, *args: Any, **kwargs: Any) -> Any:
        return [await f(*args, **kwargs), await f(1), (f)(1), f(1) if args else 0, [await f(1)], {"k": f(1)}["k"]]

    assert any(each.opname == "GET_AWAITABLE" for each in dis.get_instructions(body))
    same = awaitable_too(lambda *args, **kwargs: 7)
    assert asyncio.run(body(same, 1, k=2)) == [7, 7, 7, 7, [7], 7]
