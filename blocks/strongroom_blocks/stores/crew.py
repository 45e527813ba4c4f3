"""Many items at a time: threads that work one listing off, as many of them as there is waiting to be done."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar, copy_context
from typing import Generic, TypeVar

T = TypeVar("T")

_NOTHING = object()
_crew: ContextVar[Crew[object] | None] = ContextVar("strongroom_crew", default=None)
_SLICE_SECONDS = 0.25  # an exception that is planted in a thread strikes between two waits


class LeftOff(Exception):
    """Work on an item that was left in the middle, as another one's failure ended all of it."""


def leave_if_failed() -> None:
    """For long work on an item, now and then.

    :raises LeftOff: the crew that the calling code works in has failed, or was interrupted.
    """
    crew = _crew.get()
    if crew is not None and crew.failures:
        raise LeftOff


def among_many() -> bool:
    """Whether the calling code works on one of the items of :func:`each`."""
    return _crew.get() is not None


def each(function: Callable[[T], object], items: Iterable[T], workers: int) -> int:
    """Call ``function`` for all items, at most ``workers`` at a time; how many there were.

    Items are drawn one by one as workers come free, so an endless listing takes no memory. After the first failure no
    more are begun, and it is raised when those under way are done. Two workers begin; more join while an item waits
    longer than it computes, since threads that only compute keep each other from it.
    """
    crew = Crew(function, iter(items), workers)
    with ThreadPoolExecutor(workers, thread_name_prefix="strongroom-store") as pool:
        try:
            crew.join(pool, min(2, workers))
            while not crew.idle.wait(_SLICE_SECONDS):
                leave_if_failed()
        except BaseException as interrupt:
            crew.failures.append(interrupt)
    if crew.failures:
        raise crew.failures[0]
    return crew.begun


class Crew(Generic[T]):
    """The workers of one :func:`each`, ``most`` at most."""

    def __init__(self, function: Callable[[T], object], items: Iterator[T], most: int) -> None:
        self.function, self.items, self.most = function, items, most
        self.failures: list[BaseException] = []
        self.begun = self.joined = self.working = 0
        self.idle = threading.Event()
        self._lock = threading.Lock()
        self._drawing = threading.Lock()
        self._computed = self._took = math.inf

    def join(self, pool: ThreadPoolExecutor, count: int) -> None:
        """Let some more workers begin."""
        with self._lock:
            self.joined += count
            self.working += count
        for _ in range(count):
            pool.submit(copy_context().run, self._work, pool)

    def _work(self, pool: ThreadPoolExecutor) -> None:
        _crew.set(self)  # type: ignore[arg-type]  # in a context of its own
        try:
            while not self.failures:
                with self._drawing:
                    item = next(self.items, _NOTHING)
                    if item is _NOTHING:
                        return
                    self.begun += 1
                began, computed = time.perf_counter(), time.thread_time()
                self.function(item)  # type: ignore[arg-type]
                if self.joined < self.most and self.waits(time.perf_counter() - began, time.thread_time() - computed):
                    self.join(pool, 1)
        except BaseException as failure:
            self.failures.append(failure)
        finally:
            with self._lock:
                self.working -= 1
                if not self.working:
                    self.idle.set()

    def waits(self, took: float, computed: float) -> bool:
        """Whether one more worker has something to wait for. The least figures so far are those without disturbance."""
        self._took, self._computed = min(self._took, took), min(self._computed, computed)
        return self._took > self._computed * self.joined
