"""Threads: the task runner that flows have where they name no other."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from strongroom.control.stint import Stint, interrupt_all
from strongroom.futures import has_seat
from strongroom.states import State
from strongroom.task_runners.jobs import Job, QueueingTaskRunner
from strongroom.task_runners.seats import Seats, checked_limit, configured_limit

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
        self.interrupt_all([job])

    def interrupt_all(self, jobs: Sequence[Job]) -> None:
        """Make running Python code end at its next step, and what has been claimed end as it begins."""
        interrupt_all(job.stint for job in jobs if isinstance(job, _ThreadJob))

    def close(self) -> None:
        """Send the threads home."""
        self._seats.close()


ConcurrentTaskRunner = ThreadPoolTaskRunner
"""What Prefect called it before."""


class _ThreadJob(Job):
    """A job that is carried out in the thread that claims it."""

    __slots__ = ("stint",)

    def __init__(self, call: TaskCall, seats: Seats, outstanding: dict[Any, None]) -> None:
        super().__init__(call, seats, outstanding)
        self.stint = Stint()
        self.future.helper = self

    def carry_out(self) -> None:
        """Run the call, unless somebody else has it."""
        if not self.stint.begin(self.claim):
            return
        try:
            state, error = self.stint.run(self._ended)
            self.settle(state if state is not None else self._crashed(error))
        finally:
            self.stint.end()

    def _ended(self) -> State[Any]:
        from strongroom.engine import carry_out

        return self.context.run(carry_out, self.call)

    def _crashed(self, error: BaseException | None) -> State[Any]:
        state = self.call.task_run.state
        return state if state.is_final() or error is None else self.call.crashed(error)

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
