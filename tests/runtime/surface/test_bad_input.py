"""Inputs, results, names and calls that nobody should make: each run ends in a clear state, and nothing hangs."""

from __future__ import annotations

import asyncio
import gc
import logging
import threading
from collections.abc import AsyncIterator, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from strongroom import flow, get_run_logger, tags, task
from strongroom.journal import using_journal
from strongroom.journal.memory import MemoryJournal
from strongroom.journal.sqlite import SqliteJournal


@task
def ident(x: Any = None) -> Any:
    return x


@flow
def through(x: Any) -> Any:
    return ident(x) is x, ident.submit(x).result() is x


class Evil:
    """Raises whatever is asked of it."""

    __hash__ = None  # type: ignore[assignment]

    def _no(self, *_: object) -> Any:
        raise RuntimeError("no")

    __eq__ = __repr__ = __bool__ = __len__ = __iter__ = __getattr__ = _no  # type: ignore[assignment]


class EvilError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no words")

    __repr__ = __str__


def deep() -> list[Any]:
    value: list[Any] = []
    for _ in range(5000):
        value = [value]
    return value


def cyclic() -> dict[str, Any]:
    value: dict[str, Any] = {}
    value["self"] = [value]
    return value


@pytest.mark.parametrize("make", [threading.Lock, deep, cyclic, Evil, lambda: (i for i in [1]), lambda: lambda: 1])
def test_inputs_of_any_kind_are_handed_over_and_given_back(make: Any) -> None:
    value = make()
    if hasattr(type(value), "__next__"):  # what a generator gives is its items
        assert task(lambda x: next(x))(value) == 1
    else:
        assert through(value) == (True, True)


@pytest.mark.parametrize("make", [threading.Lock, lambda: threading.current_thread(), cyclic])
def test_a_result_that_cannot_be_kept_is_a_result(make: Any) -> None:
    value = make()
    state = task(lambda: value, persist_result=True)(return_state=True)
    assert (state.name, state.result() is value) == ("Completed", True)
    assert flow(lambda: value, name="f", persist_result=True)() is value  # type: ignore[call-overload]


def test_an_exception_that_cannot_be_shown_fails_its_run() -> None:
    def raises() -> None:
        raise EvilError

    for state in (task(raises)(return_state=True), flow(raises, name="f")(return_state=True)):  # type: ignore[call-overload]
        assert state.is_failed()
        assert isinstance(state.result(raise_on_failure=False), EvilError)


def test_exceptions_past_all_others_crash_the_run(journal: MemoryJournal) -> None:
    class End(BaseException):
        pass

    def raises() -> None:
        raise End("now")

    with pytest.raises(End):
        flow(raises, name="f")()  # type: ignore[call-overload]
    [run] = journal.flow_runs()
    assert (run.state.name, run.state.message) == ("Crashed", "Execution was aborted by End.")


def nested_flow(n: int) -> int:
    return 0 if n == 0 else 1 + flow(nested_flow)(n - 1)


def nested_task(n: int) -> int:
    return 0 if n == 0 else 1 + task(nested_task)(n - 1)


def submitted_task(n: int) -> int:
    return 0 if n == 0 else 1 + task(submitted_task).submit(n - 1).result()


async def nested_coroutine(n: int) -> int:
    return 0 if n == 0 else 1 + await flow(nested_coroutine)(n - 1)


def test_flows_and_tasks_call_themselves() -> None:
    assert flow(nested_flow)(50) == 50
    assert task(nested_task)(50) == 50
    assert asyncio.run(nested_coroutine(50)) == 50
    assert flow(submitted_task, name="f")(100) == 100


def test_too_deep_is_an_exception_and_a_state(journal: MemoryJournal) -> None:
    state = flow(nested_flow)(2000, return_state=True)
    assert isinstance(state.result(raise_on_failure=False), RecursionError)
    assert state.is_failed()
    assert task(nested_task)(2000, return_state=True).is_failed()
    states = {run.state.name for run in journal.flow_runs(subflows=True, limit=5000)}
    assert states <= {"Failed", "Pending", "Running"}


def test_a_generator_that_nobody_exhausts_is_over_when_nobody_has_it(journal: MemoryJournal) -> None:
    @task
    def endless() -> Iterator[int]:
        yield from count()

    @task
    async def aendless() -> AsyncIterator[int]:
        for i in count():
            yield i

    @flow
    def main() -> Any:
        items = endless()
        return [next(items), next(items)]

    @flow
    async def amain() -> Any:
        items = aendless()
        return [await anext(items), await anext(items)]

    assert main() == [0, 1]
    assert asyncio.run(amain()) == [0, 1]
    gc.collect()
    for run in journal.flow_runs():
        assert [each.state.name for each in journal.task_runs(run.id)] == ["Completed"]


ODD = "na\nme\ud800\x00\u202e🚀'\"\\{}" + "x" * 300


def test_names_may_be_anything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging.getLogger("strongroom"), "propagate", False)  # pytest cannot report half characters

    @task(name=ODD, tags=[ODD], log_prints=True, task_run_name=lambda: ODD)
    def work(x: str) -> str:
        print(x)
        get_run_logger().info(x)
        return x

    with using_journal(SqliteJournal(tmp_path / "runs.db")) as journal, tags(ODD):
        assert flow(lambda x: work(x), name=ODD, flow_run_name=lambda: ODD)(ODD) == ODD  # type: ignore[call-overload]
        journal.flush()
        [run] = journal.flow_runs()
        [task_run] = journal.task_runs(run.id)
        assert (run.state.name, task_run.state.name, ODD[-300:] in run.name) == ("Completed", "Completed", True)
        assert len([line for line in journal.logs(run.id) if line.task_run_id is not None]) == 2
        journal.close()


def test_a_line_of_ten_mebibytes_is_cut(journal: MemoryJournal) -> None:
    flow(lambda: get_run_logger().info("y" * (10 << 20)), name="f")()  # type: ignore[call-overload]
    [run] = journal.flow_runs()
    longest = max((line.message for line in journal.logs(run.id)), key=len)
    assert 64 * 1024 <= len(longest) < 70 * 1024


def test_thousands_of_futures_are_held() -> None:
    @flow
    def main() -> int:
        futures = [ident.submit(i) for i in range(5000)]
        return sum(future.result() for future in futures)

    assert main() == sum(range(5000))


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt])
def test_a_hook_that_ends_the_program_ends_it_after_the_run(journal: MemoryJournal, error: type[BaseException]) -> None:
    def leaves(*_: Any) -> None:
        raise error

    with pytest.raises(error):
        flow(lambda: 1, name="f", on_completion=[leaves])()  # type: ignore[call-overload]
    [run] = journal.flow_runs()
    assert run.state.name == "Completed"
