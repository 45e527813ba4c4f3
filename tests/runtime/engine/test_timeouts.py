"""Timeouts: what can be interrupted is, and what cannot is said. No test asserts how long something took."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextvars import copy_context
from typing import Any

import pytest
from strongroom import flow, task
from strongroom.control import control
from strongroom.journal import current_journal
from strongroom.timeouts import Expired, await_within, call_within


@pytest.fixture(autouse=True)
def the_alarm_is_free() -> Iterator[None]:
    """Take the process's alarm from the test runner, which has one of its own around each test."""
    handler, left = signal.getsignal(signal.SIGALRM), signal.getitimer(signal.ITIMER_REAL)
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, *left)


def forever() -> None:
    while True:
        pass


def in_thread(function: Callable[[], Any]) -> Any:
    seen: list[Any] = []
    context = copy_context()
    thread = threading.Thread(target=lambda: seen.append(context.run(function)))
    thread.start()
    thread.join()
    return seen[0]


@pytest.mark.parametrize("where", [lambda function: function(), in_thread])
def test_code_that_takes_too_long_ends(where: Any) -> None:
    cleaned = []

    def work() -> None:
        try:
            forever()
        except Exception:
            cleaned.append("must not be caught here")
        finally:
            cleaned.append("cleaned up")

    result = where(lambda: call_within(0.05, work))
    assert isinstance(result, Expired)
    assert str(result) == "exceeded timeout of 0.05 second(s)"
    assert cleaned == ["cleaned up"]


@pytest.mark.parametrize("where", [lambda function: function(), in_thread])
def test_code_in_time_gives_its_result_or_error(where: Any) -> None:
    def fail() -> None:
        raise TimeoutError("its own")

    def caught() -> str:
        with pytest.raises(TimeoutError, match="its own"):
            call_within(60, fail)
        return "raised"

    assert where(lambda: call_within(60, lambda: 42)) == 42
    assert where(caught) == "raised"
    assert signal.getitimer(signal.ITIMER_REAL)[0] == 0
    assert signal.getsignal(signal.SIGALRM) == signal.SIG_DFL


def test_a_blocking_call_is_interrupted_on_the_main_thread() -> None:
    assert isinstance(call_within(0.05, lambda: time.sleep(60)), Expired)


def test_a_blocking_call_on_another_thread_is_said_not_to_be_interruptible() -> None:
    result = in_thread(lambda: call_within(0.05, lambda: time.sleep(1.2)))
    assert isinstance(result, Expired)
    assert "could not be interrupted where it waited" in str(result)


@pytest.mark.parametrize("where", [lambda function: function(), in_thread])
def test_the_outer_of_two_timeouts_ends_both(where: Any) -> None:
    def inner() -> Any:
        return call_within(60, forever)

    assert isinstance(where(lambda: call_within(0.05, inner)), Expired)


@pytest.mark.parametrize("where", [lambda function: function(), in_thread])
def test_the_inner_of_two_timeouts_ends_only_itself(where: Any) -> None:
    def inner() -> tuple[Any, str]:
        return call_within(0.05, forever), "went on"

    expired, went_on = where(lambda: call_within(60, inner))
    assert isinstance(expired, Expired)
    assert went_on == "went on"


def test_another_handler_of_the_alarm_is_left_alone() -> None:
    def mine(*_: object) -> None: ...

    signal.signal(signal.SIGALRM, mine)
    assert isinstance(call_within(0.05, forever), Expired)
    assert signal.getsignal(signal.SIGALRM) is mine


def test_many_timeouts_at_once_end_each_its_own() -> None:
    results: list[Any] = [None] * 20

    def work(n: int) -> None:
        results[n] = call_within(0.05 if n % 2 else 60, forever if n % 2 else lambda: n)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [type(r) is Expired if n % 2 else r == n for n, r in enumerate(results)] == [True] * 20


def test_an_asynchronous_call_is_cancelled() -> None:
    async def main() -> None:
        assert isinstance(await await_within(0.01, asyncio.Event().wait()), Expired)
        assert await await_within(60, asyncio.sleep(0, 42)) == 42

        async def its_own() -> None:
            raise TimeoutError("its own")

        with pytest.raises(TimeoutError, match="its own"):
            await await_within(60, its_own())

    asyncio.run(main())


def test_of_two_timeouts_that_are_over_at_once_the_outer_ends_what_goes_on_behind_the_inner() -> None:
    def inner() -> None:
        call_within(0.05, forever)
        forever()

    for where in (lambda function: function(), in_thread):
        assert isinstance(where(lambda: call_within(0.05, inner)), Expired)


def test_a_task_that_the_timeout_of_its_flow_ended_says_so() -> None:
    @task
    def endless() -> None:
        forever()

    @flow(timeout_seconds=0.05)
    def etl() -> None:
        endless()

    state = etl(return_state=True)
    assert state.name == "TimedOut"
    [run] = current_journal().task_runs(current_journal().flow_runs()[0].id)
    assert run.state.message == "Execution was ended by the timeout of a run that called this one."


@pytest.mark.parametrize("colour", ["main", "thread"])
def test_a_flow_that_times_out_ends_the_tasks_that_it_submitted(colour: str) -> None:
    began, cleaned = threading.Event(), []

    @task
    def endless() -> None:
        began.set()
        try:
            forever()
        finally:
            cleaned.append(1)

    @task
    def behind(before: Any) -> None: ...

    @flow(timeout_seconds=0.2)
    def etl() -> None:
        future = endless.submit()
        behind.submit(future)
        began.wait()
        future.wait()

    call = lambda: etl(return_state=True)  # noqa: E731
    state = call() if colour == "main" else in_thread(call)
    assert (state.name, cleaned) == ("TimedOut", [1])
    runs = current_journal().task_runs(current_journal().flow_runs()[0].id)
    assert {run.task_name: run.state.name for run in runs} == {"endless": "Crashed", "behind": "Cancelled"}


def test_a_task_that_timed_out_is_tried_again() -> None:
    tries = []

    @task(timeout_seconds=0.05, retries=1)
    def slow() -> str:
        tries.append(1)
        if len(tries) == 1:
            forever()
        return "done"

    @flow
    def etl() -> str:
        return slow.submit().result() + slow.with_options(timeout_seconds=60)()

    assert etl() == "donedone"


def test_a_retry_that_waits_is_ended_by_the_timeout_of_the_flow_in_any_thread() -> None:
    @task(retries=1, retry_delay_seconds=3600)
    def fails() -> None:
        raise ValueError("not yet")

    @flow(timeout_seconds=0.1)
    def etl() -> None:
        fails()

    assert in_thread(lambda: etl(return_state=True)).name == "TimedOut"


def test_an_asynchronous_flow_times_out_in_a_synchronous_task_that_blocks_it() -> None:
    @task(timeout_seconds=0.05)
    def blocks() -> None:
        time.sleep(60)

    @flow
    async def etl() -> Any:
        return blocks(return_state=True).name

    assert asyncio.run(etl()) == "TimedOut"


def test_a_generator_that_times_out_cleans_up() -> None:
    cleaned = []

    @task(timeout_seconds=0.05)
    def items() -> Iterator[int]:
        try:
            yield 1
            forever()
        finally:
            cleaned.append("in time")

    @task(timeout_seconds=0.05)
    def late() -> Iterator[int]:
        try:
            time.sleep(1.2)
            yield 1
        finally:
            cleaned.append("late")

    @flow
    def etl(made: Any) -> list[int]:
        return list(made())

    assert etl(items, return_state=True).is_failed()
    assert in_thread(lambda: etl(late, return_state=True)).is_failed()
    assert cleaned == ["in time", "late"]


def test_tasks_that_cannot_be_interrupted_are_named(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(control, "COMPLAIN_SECONDS", 0.05)
    said = threading.Event()

    class Listening(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if "cannot be interrupted where they wait" in record.getMessage():
                said.set()

    @task
    def stuck() -> None:
        lock = threading.Lock()
        lock.acquire()
        while not said.is_set():
            with contextlib.suppress(BaseException):
                lock.acquire(timeout=1)

    handler = Listening()
    logging.getLogger("strongroom").addHandler(handler)
    try:

        @flow(timeout_seconds=0.1)
        def etl() -> None:
            stuck.submit().wait()

        assert etl(return_state=True).name == "TimedOut"
    finally:
        logging.getLogger("strongroom").removeHandler(handler)
    assert "so the flow run waits for them: stuck-0" in caplog.text
