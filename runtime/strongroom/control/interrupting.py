"""Waits that an interrupt ends in any thread, and where a thread is that does not end."""

from __future__ import annotations

import queue
import sys
import threading
import time
from typing import TypeVar

R = TypeVar("R")
SLICE_SECONDS = 0.25
"""Waits of this package take at most so long at a time outside of the main thread, for no signal interrupts them."""


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
