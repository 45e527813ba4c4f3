"""What is called when runs change their states, and when they are tried again."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable
from typing import Any

import pytest
from strongroom import flow, task
from strongroom.cache_policies import INPUTS
from strongroom.runtime import flow_run, task_run
from strongroom.states import Cancelled, Failed

seen: list[Any] = []


@pytest.fixture(autouse=True)
def nothing_seen() -> None:
    seen.clear()


def note(word: str) -> Callable[..., None]:
    def hook(definition: Any, run: Any, state: Any) -> None:
        seen.append((word, definition.name, state.name, run.state_name))

    return hook


def test_hooks_of_tasks_by_option_and_by_decorator() -> None:
    @task(name="T", on_completion=[note("c")], on_failure=[note("f")], on_running=[note("r")], retries=1)
    def work(fail: bool) -> None:
        if fail:
            raise ValueError("x")

    @work.on_completion
    def also(definition: Any, run: Any, state: Any) -> None:
        seen.append("also")

    work(False)
    assert seen == [("r", "T", "Running", "Running"), ("c", "T", "Completed", "Completed"), "also"]
    seen.clear()
    work(True, return_state=True)
    assert [name for _, _, name, _ in seen] == ["Running", "Retrying", "Failed"]
    assert len(work.on_completion_hooks) == 2


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("ok", ["r", "c"]),
        (ValueError(), ["r", "f"]),
        (Cancelled(), ["r", "k"]),
        (SystemExit(3), ["r", "x"]),
        (KeyboardInterrupt(), ["r", "x"]),
    ],
)
def test_hooks_of_flows(how: Any, words: list[str]) -> None:
    @flow(
        on_completion=[note("c")],
        on_failure=[note("f")],
        on_running=[note("r")],
        on_crashed=[note("x")],
        on_cancellation=[note("k")],
    )
    def work() -> Any:
        if isinstance(how, BaseException):
            raise how
        return how

    with contextlib.suppress(SystemExit, KeyboardInterrupt):
        work(return_state=True)
    assert [word for word, *_ in seen] == words


def test_any_callable_is_a_hook_and_one_that_raises_changes_nothing() -> None:
    class Keeper:
        def method(self, definition: Any, run: Any, state: Any) -> None:
            seen.append("method")

        @classmethod
        def of_class(cls, definition: Any, run: Any, state: Any) -> None:
            seen.append("class")

        @staticmethod
        def static(definition: Any, run: Any, state: Any) -> None:
            seen.append("static")

    async def later(definition: Any, run: Any, state: Any) -> None:
        seen.append("async")

    def bad(definition: Any, run: Any, state: Any) -> None:
        raise RuntimeError("no hook")

    part = functools.partial(lambda definition, run, state, word: seen.append(word), word="partial")
    hooks = [bad, Keeper().method, Keeper.of_class, Keeper.static, later, part]
    assert flow(on_completion=hooks, name="f")(lambda: 3)() == 3
    assert task(on_completion=hooks)(lambda: 3)() == 3
    assert seen == ["method", "class", "static", "async", "partial"] * 2


def test_arguments_of_hooks_by_other_options() -> None:
    def hook(definition: Any, run: Any, state: Any, **given: Any) -> None:
        seen.append({**given, "state": state})

    @task
    def bad_task() -> None:
        raise ValueError("meh")

    @flow
    def main(x: str = "foo", y: int = 42) -> Any:
        hooked = bad_task.with_options(on_failure=[functools.partial(hook, x=x, y=y)])
        return "bar", hooked(return_state=True)

    _, state = main()
    assert seen == [{"x": "foo", "y": 42, "state": state}]


def test_a_result_from_the_cache_completes_a_run_without_running_it() -> None:
    cached = task(cache_policy=INPUTS, on_completion=[note("c")], on_running=[note("r")])(lambda x: x)
    cached(5)
    seen.clear()
    cached(5)
    assert [(word, name) for word, _, name, _ in seen] == [("c", "Cached")]


def test_hooks_see_the_run() -> None:
    def look(definition: Any, run: Any, state: Any) -> None:
        seen.append((run.name == flow_run.name, run.parameters, run.total_run_time.total_seconds() >= 0))

    flow(on_failure=[look], name="f")(lambda a: 1 / 0)(1, return_state=True)
    assert seen == [(True, {"a": 1}, True)]


def test_a_task_counts_its_attempts() -> None:
    @task(retries=3)
    def third_time_lucky() -> int:
        if task_run.run_count < 3:
            raise ValueError
        return task_run.run_count

    assert third_time_lucky() == 3


def test_a_condition_is_asked_with_the_state() -> None:
    def only_values(definition: Any, run: Any, state: Any) -> bool:
        seen.append((definition.name, state.name))
        try:
            state.result()
        except ValueError:
            return True
        except KeyError:
            return False
        raise AssertionError

    @task(retries=3, retry_condition_fn=only_values)
    def fail(kind: type[Exception]) -> None:
        raise kind("x")

    fail(KeyError, return_state=True)
    assert seen == [("fail", "Failed")]
    seen.clear()
    fail(ValueError, return_state=True)
    assert len(seen) == 3
    assert task(retries=1, retry_condition_fn=lambda *_: 1 / 0)(fail.fn)(ValueError, return_state=True).is_failed()


def test_flows_are_tried_again_as_a_whole() -> None:
    @flow(retries=2)
    def main() -> Any:
        seen.append(flow_run.run_count)
        if len(seen) < 2:
            raise ValueError
        return flow_run.run_count

    assert main() == 2
    assert flow(retries=1, name="f")(lambda: Failed(message="manual"))(return_state=True).message == "manual"


def test_a_state_that_failed_by_hand_is_tried_again() -> None:
    @task(retries=2)
    def refuses() -> Any:
        seen.append(task_run.run_count)
        return Failed(message="no")

    assert refuses(return_state=True).name == "Failed"
    assert seen == [1, 2, 3]
