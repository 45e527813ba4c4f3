"""So many jobs at a time, each in a thread: the bound of runners that have threads carry out or look after tasks."""

from __future__ import annotations

import queue
import threading
from collections import deque
from types import TracebackType
from typing import Protocol

from strongroom.errors import InvalidDefinition
from strongroom.futures import take_seat


def checked_limit(max_workers: int | None) -> int | None:
    """The limit that a user gave; raises :class:`~strongroom.errors.InvalidDefinition` for one below 1."""
    if max_workers is not None and max_workers < 1:
        raise InvalidDefinition(f"max_workers={max_workers} lets nothing run.", "Use 1 or more.")
    return max_workers


def configured_limit() -> int | None:
    """The limit that the settings name, if they do."""
    from strongroom.settings import get_settings

    return get_settings().task_runner_max_workers


class SeatedJob(Protocol):
    """What a thread with a seat does."""

    def carry_out(self) -> None:
        """Do it, unless somebody else has it; raises nothing but an interrupt."""


class Seats:
    """So many tasks may run at a time: threads take a seat for a job, and give it up while they wait for something."""

    def __init__(self, limit: int) -> None:
        self._free = limit
        self.lock = threading.Lock()
        self._freed = threading.Condition(self.lock)
        self._ready: deque[SeatedJob] = deque()
        self._calls: queue.SimpleQueue[SeatedJob | None] = queue.SimpleQueue()
        self._idle = self._returning = 0
        self._closing = False

    def add(self, job: SeatedJob) -> None:
        """The next free thread takes this job."""
        with self.lock:
            self._ready.append(job)
            self._offer()

    def close(self) -> None:
        """No more jobs come."""
        with self.lock:
            self._closing = True
            for _ in range(self._idle):
                self._calls.put(None)
            self._idle = 0

    def stand_up(self) -> None:
        """The thread waits for something and needs no seat."""
        with self.lock:
            self._free += 1
            self._offer()

    def sit_down(self) -> None:
        """The thread goes on, once there is a seat again."""
        with self.lock:
            self._returning += 1
            try:
                while self._free <= 0:
                    self._freed.wait()
            finally:  # an interrupted thread takes the seat too, for it gives it up when it is done
                self._returning -= 1
                self._free -= 1
                self._offer()

    def _offer(self) -> None:
        """Whoever comes back gets a free seat first, then a thread without a job, then a new thread."""
        if self._free <= 0:
            return
        if self._returning:
            self._freed.notify()
        elif self._ready:
            self._free -= 1
            job = self._ready.popleft()
            if self._idle:
                self._idle -= 1
                self._calls.put(job)
            else:
                threading.Thread(target=self._work, args=(job,), name="strongroom-worker", daemon=True).start()

    def _work(self, first: SeatedJob) -> None:
        """What a thread does, from its first job on; it has a seat while it has a job."""
        take_seat(_Seat(self))
        jobs = [first]
        del first
        try:
            while jobs:
                jobs.pop().carry_out()  # and is forgotten, before the thread waits for the next one
                if (job := self._next()) is not None:
                    jobs.append(job)
                del job
        except KeyboardInterrupt:
            return

    def _next(self) -> SeatedJob | None:
        """The next job for a thread that has a seat, now or when it is called; None sends it home."""
        with self.lock:
            if self._ready and not self._returning:
                return self._ready.popleft()
            self._free += 1
            self._offer()
            if self._closing:
                return None
            self._idle += 1
        return self._calls.get()


class _Seat:
    """A thread's own seat: inside of it, the thread waits, for one thing or, in an event loop, for several."""

    __slots__ = ("_depth", "_seats")

    def __init__(self, seats: Seats) -> None:
        self._seats = seats
        self._depth = 0

    def __enter__(self) -> None:
        self._depth += 1
        if self._depth == 1:
            self._seats.stand_up()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._depth -= 1
        if self._depth == 0:
            self._seats.sit_down()
