"""Waiting for Snowflake in a way that a timeout or a cancellation of the run ends at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextvars import copy_context
from typing import Any, TypeVar

from strongroom import given_up

T = TypeVar("T")

_SLICE_SECONDS = 0.25
"""What ends a run reaches a thread only between two steps in Python."""
_PARTING_SECONDS = 5.0


def interruptibly(call: Callable[[], T], stop: Callable[[], object]) -> T:
    """What ``call`` returns, which waits for an answer in a thread of its own.

    Where the wait is interrupted, ``stop`` is called, which is to make ``call`` end soon, and again when it has ended;
    then the interruption goes on.
    That it is another thread keeps the connector from replacing the process' handler of Ctrl-C, too.
    """
    done = threading.Event()
    outcome: list[Any] = []
    context = copy_context()

    def work() -> None:
        try:
            outcome.append((True, context.run(call)))
        except BaseException as error:
            outcome.append((False, error))
        finally:
            done.set()

    thread = threading.Thread(target=work, name="strongroom-snowflake", daemon=True)
    try:
        thread.start()
        while not done.wait(_SLICE_SECONDS):
            _go_on()
    except BaseException:
        is_running = not done.is_set()
        stop()
        if is_running:
            done.wait(_PARTING_SECONDS)
            stop()  # by what is known now
        raise
    succeeded, result = outcome.pop()
    if succeeded:
        return result  # type: ignore[no-any-return]
    try:
        raise result
    finally:
        del result


def pause(seconds: float) -> None:
    """Sleep, as ``time.sleep`` does, but so that it can be interrupted in any thread."""
    due = time.monotonic() + seconds
    while (left := due - time.monotonic()) > 0:
        time.sleep(min(left, _SLICE_SECONDS))
        _go_on()


class GivenUp(BaseException):
    """The coroutine that waited for this was cancelled, so that nobody sees it."""


def _go_on() -> None:
    event = given_up()
    if event is not None and event.is_set():
        raise GivenUp
