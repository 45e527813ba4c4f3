"""Calls that wait in C, made so that an interrupt of the thread that waits for them ends them."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable
from typing import TypeVar

from strongroom_blocks.twins import given_up

T = TypeVar("T")

_LOOK_EVERY = 0.1
_TRIES = 50


class GivenUp(BaseException):
    """The coroutine that waited for this was cancelled, so that nobody sees it."""


def interruptibly(call: Callable[[], T], stop: Callable[[], None]) -> T:
    """What ``call`` returns or raises, from a helper thread: this one waits in Python, where an interrupt is noticed.

    :param stop: has the call end soon; called when this thread is interrupted, or the coroutine that waits for it
        is cancelled.
    """
    outcome: list[T] = []
    failed: list[BaseException] = []
    over = threading.Event()

    def run() -> None:
        try:
            outcome.append(call())
        except BaseException as error:
            failed.append(error)
        finally:
            over.set()

    thread = threading.Thread(target=contextvars.copy_context().run, args=(run,), name="strongroom-sql", daemon=True)
    try:
        thread.start()
        event = given_up()
        while not over.wait(_LOOK_EVERY):
            if event is not None and event.is_set():
                raise GivenUp
    except BaseException:
        for _ in range(_TRIES):  # what is not begun yet is not stopped by the first
            stop()
            if over.wait(_LOOK_EVERY):
                break
        raise
    if failed:
        raise failed[0]
    return outcome[0]
