"""Interrupting code that runs in some thread, whether it is blocking or in an event loop."""

from __future__ import annotations

import asyncio
import queue
import sys
import threading
import time
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, TypeVar

from strongroom.timeouts import plant

R = TypeVar("R")
SLICE_SECONDS = 0.25
"""Waits of this package take at most so long at a time outside of the main thread, for no signal interrupts them."""

_tasks: dict[int, asyncio.Task[Any]] = {}


async def interruptible(coroutine: Coroutine[Any, Any, R]) -> R:
    """Await ``coroutine`` so that :func:`interrupt_thread` cancels it."""
    thread = threading.get_ident()
    task = asyncio.current_task()
    if task is not None:
        _tasks[thread] = task
    try:
        return await coroutine
    finally:
        _tasks.pop(thread, None)


def interrupt_thread(thread: int) -> None:
    """Have the code that a thread runs end: a KeyboardInterrupt at its next step in Python, or a cancellation.

    Code that waits in C, in ``time.sleep`` or for an answer of a database, ends when that does.
    """
    task = _tasks.get(thread)
    if task is not None:
        cancel(task)
        if is_idle(thread):
            return
    plant(thread, KeyboardInterrupt)


def cancel(task: asyncio.Task[Any]) -> None:
    """Cancel an asynchronous task of any thread's event loop."""
    with suppress(RuntimeError):  # the loop is closed: there is nothing to cancel any more
        task.get_loop().call_soon_threadsafe(task.cancel)


def is_idle(thread: int) -> bool:
    """Whether the event loop of a thread waits for something to happen."""
    frame = sys._current_frames().get(thread)
    return frame is not None and frame.f_globals.get("__name__") == "selectors"


def where(thread: int) -> str:
    """Where a thread is: the innermost function of Python in it."""
    frame = sys._current_frames().get(thread)
    if frame is None:
        return "its thread is over"
    code = frame.f_code
    return f"{code.co_name} at {code.co_filename}:{frame.f_lineno}"


def acquire(lock: threading.Lock, timeout: float | None) -> bool:
    """Take a lock, as ``lock.acquire`` does, in a way that can be interrupted in any thread."""
    due = None if timeout is None else time.monotonic() + timeout
    while not lock.acquire(timeout=_slice(due)):
        if due is not None and time.monotonic() >= due:
            return False
    return True


def take(items: queue.SimpleQueue[R], timeout: float | None) -> R:
    """The next item, as ``items.get`` gives it, in a way that can be interrupted in any thread."""
    due = None if timeout is None else time.monotonic() + timeout
    while True:
        try:
            return items.get(timeout=_slice(due))
        except queue.Empty:
            if due is not None and time.monotonic() >= due:
                raise


def _slice(due: float | None) -> float:
    return SLICE_SECONDS if due is None else max(0.0, min(SLICE_SECONDS, due - time.monotonic()))


def nap(seconds: float) -> None:
    """Sleep, in a way that can be interrupted in any thread."""
    if threading.current_thread() is threading.main_thread():
        time.sleep(seconds)
        return
    due = time.monotonic() + seconds
    while (left := due - time.monotonic()) > 0:
        time.sleep(min(left, SLICE_SECONDS))
