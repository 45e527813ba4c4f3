"""Runs with one key that happen at once; cache records apart from results; policies of all kinds."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, model_serializer
from strongroom import flow, task
from strongroom.cache_policies import (
    DEFAULT,
    FLOW_PARAMETERS,
    INPUTS,
    NO_CACHE,
    RUN_ID,
    TASK_SOURCE,
    CacheKeyFnPolicy,
    CachePolicy,
    Inputs,
    _None,
)
from strongroom.locking.isolation import IsolationLevel
from strongroom.locking.memory import MemoryLockManager

SERIAL = INPUTS.configure(isolation_level=IsolationLevel.SERIALIZABLE, lock_manager=MemoryLockManager())


def test_threads_take_turns_and_the_others_take_the_first_ones_result() -> None:
    calls: list[str] = []
    begun = threading.Event()

    @task(cache_policy=SERIAL)
    def one(x: int) -> str:
        calls.append("one")
        begun.set()
        return "one"

    @task(cache_policy=SERIAL)
    def other(x: int) -> str:
        calls.append("other")
        return "other"

    def second() -> None:
        begun.wait(20)
        results.append(other(1))

    results: list[str] = []
    threads = [threading.Thread(target=lambda: results.append(one(1))), threading.Thread(target=second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (calls, results) == (["one"], ["one", "one"])


def test_a_mapped_task_computes_each_key_once() -> None:
    calls: list[int] = []

    @task(cache_policy=INPUTS.configure(isolation_level="SERIALIZABLE"))  # by the ledger's locks
    def work(x: int) -> int:
        calls.append(x)
        return x * 2

    @flow
    def job() -> list[int]:
        return work.map([1, 2, 1, 2, 1, 2]).result()

    assert job() == [2, 4, 2, 4, 2, 4]
    assert sorted(calls) == [1, 2]


def test_coroutines_take_turns() -> None:
    calls: list[int] = []

    @task(cache_policy=SERIAL)
    async def work(x: int) -> int:
        calls.append(x)
        await asyncio.sleep(0)
        return x

    async def job() -> list[int]:
        return await asyncio.gather(*(work(7) for _ in range(40)))

    assert asyncio.run(job()) == [7] * 40
    assert calls == [7]


def test_a_run_that_fails_lets_the_next_one_try() -> None:
    calls: list[int] = []

    @task(cache_policy=SERIAL, retries=1)
    def work(x: str) -> int:
        calls.append(1)
        if len(calls) < 4:
            raise ValueError
        return len(calls)

    assert work("fails", return_state=True).is_failed()
    assert work("fails") == 4


def test_a_task_does_not_wait_for_the_lock_of_the_task_that_called_it() -> None:
    @task(cache_policy=SERIAL)
    def inner(same: str) -> str:
        return f"inner {same}"

    @task
    def between(same: str) -> str:
        return inner(same)

    @task(cache_policy=SERIAL)
    def outer(same: str) -> str:
        return f"outer {between(same)}"

    assert outer("key") == "outer inner key"
    assert outer("key", return_state=True).name == "Cached"


PROCESS = """
import os, sys, pathlib
from strongroom import task
from strongroom.cache_policies import INPUTS
from strongroom.locking.filesystem import FileSystemLockManager
folder = pathlib.Path(sys.argv[1])
locks = {"lock_manager": FileSystemLockManager(folder / "locks")} if sys.argv[2] == "file" else {}

@task(cache_policy=INPUTS.configure(isolation_level="SERIALIZABLE", **locks))
def work(x):
    (folder / f"ran-{os.getpid()}").touch()
    return os.getpid()

print("ready", flush=True)
sys.stdin.readline()
print(work(1))
"""


@pytest.mark.parametrize("locks", ["file", "ledger"])
def test_processes_take_turns(locks: str, tmp_path: Path) -> None:
    command = [sys.executable, "-c", PROCESS, str(tmp_path), locks]
    started = [
        subprocess.Popen(
            command, env=os.environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(3)
    ]
    for process in started:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in started:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    told = [process.communicate() for process in started]
    [ran] = tmp_path.glob("ran-*")
    assert [out.strip() for out, _ in told] == [ran.name.removeprefix("ran-")] * 3, told


def test_cache_records_can_lie_apart_from_results(tmp_path: Path) -> None:
    calls: list[int] = []
    records, results = tmp_path / "records", tmp_path / "results"

    @task(cache_policy=INPUTS.configure(key_storage=str(records)), result_storage=results)
    def work(x: int) -> int:
        calls.append(x)
        return x

    assert [work(1), work(1)] == [1, 1]
    [record], [result] = list(records.iterdir()), list(results.iterdir())
    assert record.name != result.name
    record.unlink()
    assert work(1) == 1
    assert calls == [1, 1]
    for file in results.iterdir():
        file.unlink()
    assert work(1, return_state=True).name == "Completed"


def test_a_block_can_keep_cache_records(tmp_path: Path) -> None:
    from strongroom import LocalFolder

    @task(cache_policy=(TASK_SOURCE + INPUTS).configure(key_storage=LocalFolder(basepath=tmp_path / "lake")))
    def work(x: int) -> int:
        return x

    work(1)
    assert work(1, return_state=True).name == "Cached"
    assert len(list((tmp_path / "lake").iterdir())) == 1


class NotSerializable:
    def __getstate__(self) -> Any:
        raise TypeError("not to be serialized")


class Holder(BaseModel):
    model_config = ConfigDict(arbitrary_types_allowed=True)
    name: str
    bad: NotSerializable


class Told(Holder):
    @model_serializer
    def told(self) -> dict[str, str]:
        return {"name": self.name}


def test_inputs_that_cannot_be_pickled_have_two_ways_into_a_key() -> None:
    by_function = CacheKeyFnPolicy(cache_key_fn=lambda context, parameters: parameters["held"].name) + RUN_ID

    @task(cache_policy=by_function)
    def first(held: Holder) -> str:
        return held.name

    @task(cache_policy=INPUTS + RUN_ID)
    def second(held: Told) -> str:
        return held.name

    @flow
    def job() -> list[str]:
        held, told = Holder(name="a", bad=NotSerializable()), Told(name="a", bad=NotSerializable())
        return [made(value, return_state=True).name for made, value in 2 * [(first, held), (second, told)]]

    assert job() == ["Completed", "Completed", "Cached", "Cached"]


def test_functions_add_up_with_policies() -> None:
    def by_x(context: Any, parameters: dict[str, Any]) -> str:
        return str(parameters["x"] % 2)

    assert INPUTS + by_x == INPUTS + CacheKeyFnPolicy(by_x)
    assert by_x + INPUTS == CacheKeyFnPolicy(by_x) + INPUTS
    assert CachePolicy.from_cache_key_fn(by_x) == CacheKeyFnPolicy(by_x)
    assert _None() == NO_CACHE
    assert NO_CACHE + by_x == CacheKeyFnPolicy(by_x)
    with pytest.raises(TypeError):
        INPUTS + 3  # type: ignore[operator]


def test_a_sum_is_configured_as_its_parts_are() -> None:
    stored = INPUTS.configure(key_storage="one")
    assert (stored + TASK_SOURCE).key_storage == "one"
    assert ((TASK_SOURCE + stored) - "x").key_storage == "one"
    assert (stored - "x").key_storage == "one"
    assert stored.configure(isolation_level="SERIALIZABLE").isolation_level is IsolationLevel.SERIALIZABLE
    assert INPUTS.key_storage is None
    with pytest.raises(ValueError, match="key_storage"):
        stored + TASK_SOURCE.configure(key_storage="other")
    with pytest.raises(ValueError, match="CHAOTIC"):
        INPUTS.configure(isolation_level="CHAOTIC")


PARTS = [INPUTS, TASK_SOURCE, RUN_ID, FLOW_PARAMETERS, INPUTS - "a", NO_CACHE, DEFAULT]


def left_out(policy: CachePolicy) -> set[frozenset[str]]:
    parts = getattr(policy, "policies", (policy,))
    return {part.exclude for part in parts if isinstance(part, Inputs)}


@given(st.lists(st.sampled_from(PARTS), min_size=1), st.sampled_from("abc"), st.sampled_from("abc"))
def test_leaving_inputs_out_of_sums(parts: list[CachePolicy], one: str, two: str) -> None:
    policy = parts[0]
    for part in parts[1:]:
        policy = policy + part
    less = policy - one
    assert less - one == less
    assert left_out(less - two) == left_out((policy - two) - one)
    if policy != NO_CACHE:
        assert all(one in names for names in left_out(less))
        assert left_out(less)


@pytest.mark.parametrize(("policy", "same"), [(DEFAULT - "b", True), (DEFAULT - "a", False), (TASK_SOURCE - "b", True)])
def test_an_input_that_is_left_out_makes_no_difference(policy: CachePolicy, same: bool) -> None:
    @task(cache_policy=policy)
    def work(a: int, b: int) -> int:
        return b

    @flow
    def job() -> bool:
        return work(1, 2) == work(1, 3)

    assert job() is same
