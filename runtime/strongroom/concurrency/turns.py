"""Waiting in line within this process, so that of many that want the same slots one alone asks the ledger.

Those in a line want exactly the same: as many slots of the same limits. So nobody waits behind a wish that is harder to
fulfil than his own, and who holds slots while waiting for others of another kind stands in another line.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import AsyncIterator, Hashable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any
from weakref import WeakKeyDictionary

_SLICE_SECONDS = 0.25
"""How long a thread sits in a lock at a time: between two, a planted exception reaches it."""


class _Line:
    """Who is first, and how many are in it."""

    __slots__ = ("count", "first")

    def __init__(self, first: Any) -> None:
        self.first = first
        self.count = 0


_threads: dict[Hashable, _Line] = {}
_guard = threading.Lock()
_loops: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Hashable, _Line]] = WeakKeyDictionary()


def _forget() -> None:
    """The threads of its parent do not wait in a forked process."""
    global _guard
    _guard = threading.Lock()
    _threads.clear()


os.register_at_fork(after_in_child=_forget)


def is_waited_for(key: Hashable) -> bool:
    """Whether a thread stands in this line, or a coroutine of a running event loop."""
    return key in _threads or any(key in lines for lines in list(_loops.values()))


@contextmanager
def turn(key: Hashable, seconds: float | None) -> Iterator[None]:
    """Go on when everybody who came before with the same ``key`` is done, or after ``seconds``."""
    with _guard:
        line = _threads.get(key)
        if line is None:
            line = _threads[key] = _Line(threading.Lock())
        line.count += 1
    due = None if seconds is None else time.monotonic() + seconds
    first = False
    try:
        while not first:
            left = _SLICE_SECONDS if due is None else due - time.monotonic()
            first = line.first.acquire(timeout=max(0.0, min(left, _SLICE_SECONDS)))
            if left <= 0:
                break
        yield
    finally:
        if first:
            line.first.release()
        with _guard:
            line.count -= 1
            if not line.count:
                del _threads[key]


@asynccontextmanager
async def aturn(key: Hashable, seconds: float | None) -> AsyncIterator[None]:
    """:func:`turn` for coroutines of one event loop."""
    lines = _loops.setdefault(asyncio.get_running_loop(), {})
    line = lines.setdefault(key, _Line(asyncio.Lock()))
    line.count += 1
    first = False
    try:
        try:
            async with asyncio.timeout(seconds) as waiting:
                first = await line.first.acquire()
        except TimeoutError:
            if not waiting.expired():
                raise
        yield
    finally:
        if first:
            line.first.release()
        line.count -= 1
        if not line.count:
            del lines[key]
