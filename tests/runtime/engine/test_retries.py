"""Retries: how long they wait, when they stop, who decides."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strongroom import flow, task
from strongroom.errors import InvalidDefinition
from strongroom.journal.memory import MemoryJournal
from strongroom.retries import Retries, exponential_backoff
from strongroom.states import State


class Flaky:
    """Fails so many times, then works."""

    def __init__(self, failures: int) -> None:
        self.failures = failures
        self.calls = 0

    def __call__(self) -> int:
        self.calls += 1
        if self.calls <= self.failures:
            raise ConnectionError(f"attempt {self.calls}")
        return self.calls


@pytest.mark.parametrize(
    ("delay", "waits"),
    [
        (None, []),
        (0, []),
        (5, [5, 5, 5]),
        ([1, 10, 60], [1, 10, 60]),
        ([1, 10], [1, 10, 10]),
        (exponential_backoff(2), [2, 4, 8]),
        (lambda retries: [retries] * retries, [3, 3, 3]),
        ([0, 7], [7, 7]),
    ],
)
def test_a_task_waits_between_attempts(delay: Any, waits: list[float], naps: list[float]) -> None:
    flaky = Flaky(3)
    assert task(retries=3, retry_delay_seconds=delay)(flaky)() == 4
    assert naps == waits


def test_a_task_fails_when_no_retries_are_left(naps: list[float]) -> None:
    flaky = Flaky(3)
    with pytest.raises(ConnectionError, match="attempt 3"):
        task(retries=2, retry_delay_seconds=1)(flaky)()
    assert naps == [1, 1]


def test_the_history_tells_each_attempt(naps: list[float], journal: MemoryJournal) -> None:
    @task(retries=2, retry_delay_seconds=[0, 4])
    def fetch() -> int:
        return flaky()

    @flow
    def job() -> None:
        fetch()

    flaky = Flaky(2)
    job()
    [run] = journal.flow_runs()
    [task_run] = journal.task_runs(run.id)
    names = [event.name for event in task_run.history]
    assert names == ["Running", "Retrying", "AwaitingRetry", "Retrying", "Completed"]
    assert task_run.run_count == 3
    assert "attempt 2" in task_run.history[2].message


async def run_async(flaky: Flaky) -> int:
    @task(retries=3, retry_delay_seconds=2)
    async def fetch() -> int:
        return flaky()

    return await fetch()


def test_an_asynchronous_task_is_retried_alike(naps: list[float]) -> None:
    import asyncio

    assert asyncio.run(run_async(Flaky(2))) == 3
    assert naps == [2, 2]


def test_a_flow_is_retried_with_its_tasks(naps: list[float], journal: MemoryJournal) -> None:
    calls = []

    @task
    def step() -> None:
        calls.append("step")

    flaky = Flaky(1)

    @flow(retries=1, retry_delay_seconds=3)
    def job() -> int:
        step()
        return flaky()

    assert job() == 2
    assert calls == ["step", "step"]
    assert naps == [3]
    [run] = journal.flow_runs()
    assert run.run_count == 2
    assert [r.dynamic_key for r in journal.task_runs(run.id)] == [f"{step.task_key}-0"]


def test_a_condition_may_refuse_another_attempt() -> None:
    seen = []

    def only_connections(task: Any, run: Any, state: State[Any]) -> bool:
        seen.append((task.name, run.run_count, state.name))
        return isinstance(state.data, ConnectionError)

    flaky = Flaky(2)
    assert task(name="fetch", retries=3, retry_condition_fn=only_connections)(flaky)() == 3
    assert seen == [("fetch", 1, "Failed"), ("fetch", 2, "Failed")]

    @task(retries=3, retry_condition_fn=only_connections)
    def wrong() -> None:
        raise ValueError("wrong")

    with pytest.raises(ValueError, match="wrong"):
        wrong()
    assert len(seen) == 3


def test_an_asynchronous_condition_works_for_synchronous_tasks() -> None:
    async def no(task: Any, run: Any, state: State[Any]) -> bool:
        return False

    flaky = Flaky(1)
    with pytest.raises(ConnectionError):
        task(retries=1, retry_condition_fn=no)(flaky)()
    assert flaky.calls == 1


def test_a_condition_that_raises_refuses(caplog: pytest.LogCaptureFixture) -> None:
    def broken(task: Any, run: Any, state: State[Any]) -> bool:
        raise RuntimeError("the condition is broken")

    flaky = Flaky(1)
    with pytest.raises(ConnectionError):
        task(retries=1, retry_condition_fn=broken)(flaky)()
    assert "the condition is broken" in caplog.text


@given(st.integers(1, 40), st.floats(0.01, 100), st.floats(0, 5), st.integers(0, 60), st.floats(0, 1))
def test_jitter_only_lengthens_and_stays_in_bounds(
    count: int, base: float, jitter: float, retry: int, draw: float
) -> None:
    plain = Retries.of(count, base).delay(retry)
    jittered = Retries.of(count, base, jitter).delay(retry, lambda: draw)
    assert plain == base
    assert base <= jittered <= base * (1 + jitter) * 1.000001


@given(st.integers(0, 20), st.lists(st.floats(0, 100), min_size=1, max_size=50), st.integers(0, 100))
def test_the_last_delay_goes_on(count: int, delays: list[float], retry: int) -> None:
    assert Retries.of(count, delays).delay(retry) == delays[min(retry, len(delays) - 1)]


@pytest.mark.parametrize(
    "options", [{"retries": -1}, {"retries": 1, "retry_delay_seconds": -1}, {"retry_delay_seconds": [1] * 51},
                {"retries": 1, "retry_delay_seconds": 1, "retry_jitter_factor": -1}],
)  # fmt: skip
def test_delays_that_make_no_sense_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(InvalidDefinition):
        task(**options)(lambda: None)
