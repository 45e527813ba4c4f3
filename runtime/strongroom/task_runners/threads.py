"""Threads: the task runner that flows have where they name no other."""

from __future__ import annotations

import asyncio
import os
import threading
from typing import TYPE_CHECKING, Any

from strongroom.control.interrupting import interrupt_thread
from strongroom.futures import has_seat
from strongroom.states import State
from strongroom.task_runners.jobs import Job, QueueingTaskRunner
from strongroom.task_runners.seats import Seats, checked_limit, configured_limit
from strongroom.timeouts import plant

if TYPE_CHECKING:
    from strongroom.calls.task_call import TaskCall


def default_workers() -> int:
    """How many threads carry out tasks where nobody says: eight a core for tasks that mostly wait, at most 64."""
    return min(64, 8 * (os.cpu_count() or 1))


class ThreadPoolTaskRunner(QueueingTaskRunner):
    """Carries out at most ``max_workers`` tasks at a time, each in a thread.

    A task whose inputs are not there yet takes no thread. A thread whose task waits for another task carries that one
    out itself where nobody has begun it, so nesting cannot bring the runner to a stop. ``max_workers`` is the setting
    ``STRONGROOM_TASK_RUNNER_MAX_WORKERS`` or eight a core, at most 64, where it is not given.
    """

    def __init__(self, max_workers: int | None = None) -> None:
        super().__init__()
        self.max_workers = checked_limit(max_workers)
        self._seats = Seats(max_workers or 1)

    def __reduce__(self) -> tuple[type[ThreadPoolTaskRunner], tuple[int | None]]:
        return type(self), (self.max_workers,)

    def duplicate(self) -> ThreadPoolTaskRunner:
        """Another runner with the same limit."""
        return type(self)(self.max_workers)

    def open(self) -> None:
        """Find out the limit; threads start as tasks come in."""
        self._seats = Seats(self.max_workers or configured_limit() or default_workers())

    def job(self, call: TaskCall) -> Job:
        """A job that any thread of a runner may carry out."""
        return _ThreadJob(call, self._seats, self._outstanding)

    def interrupt(self, job: Job) -> None:
        """Make running Python code end at its next step."""
        if isinstance(job, _ThreadJob):
            with _interrupting:
                job.interrupted = True
                if (thread := job.thread) is not None:
                    interrupt_thread(thread)

    def close(self) -> None:
        """Send the threads home."""
        self._seats.close()


ConcurrentTaskRunner = ThreadPoolTaskRunner
"""What Prefect called it before."""


_interrupting = threading.Lock()


class _ThreadJob(Job):
    """A job that is carried out in the thread that claims it."""

    __slots__ = ("interrupted", "thread")

    def __init__(self, call: TaskCall, seats: Seats, outstanding: dict[Any, None]) -> None:
        super().__init__(call, seats, outstanding)
        self.thread: int | None = None
        self.interrupted = False
        self.future.helper = self

    def carry_out(self) -> None:
        """Run the call, unless somebody else has it."""
        if not self.claim():
            return
        state: State[Any] | None = None
        error: BaseException | None = None
        has_left = False
        while state is None or not has_left:  # an interrupt may come at any moment, also when all is done
            try:
                if state is None:
                    state = self._ended() if error is None else self._crashed(error)
                self._leave()
                has_left = True
            except BaseException as raised:
                error = error or raised
        self.settle(state)

    def _ended(self) -> State[Any]:
        from strongroom.engine import carry_out

        self.thread = threading.get_ident()
        if self.interrupted:
            raise KeyboardInterrupt  # it was claimed just before
        return self.context.run(carry_out, self.call)

    def _crashed(self, error: BaseException) -> State[Any]:
        state = self.call.task_run.state
        return state if state.is_final() else self.call.crashed(error)

    def _leave(self) -> None:
        """Nobody interrupts this thread from now on."""
        self.thread = None
        if self.interrupted:
            with _interrupting:
                plant(threading.get_ident(), None)

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
            elif isinstance(blocker.helper, _ThreadJob) and not blocker.helper.claimed():
                path.append(blocker.helper)
            else:
                blocker.wait()
