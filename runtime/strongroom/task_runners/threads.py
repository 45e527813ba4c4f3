"""Threads: the task runner that flows have where they name no other."""

from __future__ import annotations

import asyncio
import os
import queue
import threading
from collections import deque
from contextvars import copy_context
from types import TracebackType
from typing import TYPE_CHECKING, Any

from strongroom.errors import InvalidDefinition
from strongroom.futures import PrefectFuture, has_seat, take_seat
from strongroom.states import State
from strongroom.task_runners.runner import TaskRunner, dependencies
from strongroom.timeouts import plant

if TYPE_CHECKING:
    from strongroom.calls.task_call import TaskCall


def default_workers() -> int:
    """How many threads carry out tasks where nobody says: eight a core for tasks that mostly wait, at most 64."""
    return min(64, 8 * (os.cpu_count() or 1))


class ThreadPoolTaskRunner(TaskRunner):
    """Carries out at most ``max_workers`` tasks at a time, each in a thread.

    A task whose inputs are not there yet takes no thread. A thread whose task waits for another task carries that one
    out itself where nobody has begun it, so nesting cannot bring the runner to a stop. ``max_workers`` is the setting
    ``STRONGROOM_TASK_RUNNER_MAX_WORKERS`` or eight a core, at most 64, where it is not given.
    """

    def __init__(self, max_workers: int | None = None) -> None:
        if max_workers is not None and max_workers < 1:
            raise InvalidDefinition(f"max_workers={max_workers} lets nothing run.", "Use 1 or more.")
        self.max_workers = max_workers
        self._seats = _Seats(max_workers or 1)
        self._outstanding: dict[_Job, None] = {}

    def __reduce__(self) -> tuple[type[ThreadPoolTaskRunner], tuple[int | None]]:
        return type(self), (self.max_workers,)

    def duplicate(self) -> ThreadPoolTaskRunner:
        """Another runner with the same limit."""
        return type(self)(self.max_workers)

    def open(self) -> None:
        """Find out the limit; threads start as tasks come in."""
        limit = self.max_workers
        if limit is None:
            from strongroom.settings import get_settings

            limit = get_settings().task_runner_max_workers or default_workers()
        self._seats = _Seats(limit)

    def schedule(self, call: TaskCall) -> PrefectFuture[Any]:
        """Queue the call, now or when its dependencies are over."""
        job = _Job(call, self._seats, self._outstanding)
        self._outstanding[job] = None
        for future in job.waits_for:
            future.add_done_callback(job.one_less)
        job.one_less()
        return job.future

    def drain(self) -> None:
        """Wait until everything scheduled is over."""
        while self._outstanding:
            for job in list(self._outstanding):
                job.future.wait()

    def abandon(self, *, interrupt: bool = False) -> None:
        """Cancel what waits, and wait for what runs; ``interrupt`` makes running Python code end at its next step."""
        for job in list(self._outstanding):
            if job.claim():
                job.settle(job.call.cancelled())
            elif interrupt and (thread := job.thread) is not None:
                plant(thread, KeyboardInterrupt)
        self.drain()

    def close(self) -> None:
        """Send the threads home."""
        self._seats.close()


ConcurrentTaskRunner = ThreadPoolTaskRunner
"""What Prefect called it before."""


class _Seats:
    """So many tasks may run at a time: threads take a seat for a job, and give it up while they wait for something."""

    def __init__(self, limit: int) -> None:
        self._free = limit
        self._lock = threading.Lock()
        self._freed = threading.Condition(self._lock)
        self._ready: deque[_Job] = deque()
        self._calls: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._idle = self._returning = 0
        self._closing = False

    def add(self, job: _Job) -> None:
        """The next free thread takes this job."""
        with self._lock:
            self._ready.append(job)
            self._offer()

    def close(self) -> None:
        """No more jobs come."""
        with self._lock:
            self._closing = True
            for _ in range(self._idle):
                self._calls.put(None)
            self._idle = 0

    def stand_up(self) -> None:
        """The thread waits for something and needs no seat."""
        with self._lock:
            self._free += 1
            self._offer()

    def sit_down(self) -> None:
        """The thread goes on, once there is a seat again."""
        with self._lock:
            self._returning += 1
            while self._free <= 0:
                self._freed.wait()
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

    def _work(self, first: _Job) -> None:
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

    def _next(self) -> _Job | None:
        """The next job for a thread that has a seat, now or when it is called; None sends it home."""
        with self._lock:
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

    def __init__(self, seats: _Seats) -> None:
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


class _Job:
    """One call on its way through the runner."""

    __slots__ = ("_claim", "_context", "_missing", "_outstanding", "_seats", "call", "future", "thread", "waits_for")

    def __init__(self, call: TaskCall, seats: _Seats, outstanding: dict[_Job, None]) -> None:
        self.call = call
        self.future: PrefectFuture[Any] = PrefectFuture(call.task_run, self)
        self.waits_for = dependencies(call)
        self.thread: int | None = None
        self._missing = len(self.waits_for) + 1
        self._seats = seats
        self._outstanding = outstanding
        self._context = copy_context()
        self._claim = threading.Lock()

    def one_less(self, _: object = None) -> None:
        """One dependency is over; the last one queues the job."""
        with self._seats._lock:
            self._missing -= 1
            ready = self._missing == 0
        if ready:
            self._seats.add(self)

    def claim(self) -> bool:
        """Whether the caller is the one who carries it out."""
        return self._claim.acquire(blocking=False)

    def carry_out(self) -> None:
        """Run the call, unless somebody else has it."""
        if not self.claim():
            return
        from strongroom.engine import carry_out

        self.thread = threading.get_ident()
        try:
            state = self._context.run(carry_out, self.call)
        except BaseException as error:
            state = self.call.crashed(error)
        self.thread = None
        self.settle(state)

    def settle(self, state: State[Any]) -> None:
        """Tell everybody how it ended, and let go of what it held."""
        self._outstanding.pop(self, None)
        self.future.settle(state)
        self.waits_for = ()
        del self.call, self._context

    def __call__(self, _: object) -> None:
        """A runner's thread waits for this: it does the work itself where nobody has begun, dependencies first."""
        if not has_seat() or asyncio._get_running_loop() is not None:
            return
        path = [self]
        while path:
            job = path[-1]
            blocker = next((future for future in job.waits_for if not future.done()), None)
            if blocker is None:
                job.carry_out()
                path.pop()
            elif isinstance(blocker.helper, _Job) and not blocker.helper._claim.locked():
                path.append(blocker.helper)
            else:
                blocker.wait()
