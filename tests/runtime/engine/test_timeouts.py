"""Timeouts: what can be interrupted is, and what cannot is said. No test asserts how long something took."""

from __future__ import annotations

import asyncio
import signal
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
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
    thread = threading.Thread(target=lambda: seen.append(function()))
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
