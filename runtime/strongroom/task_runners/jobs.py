"""Calls on their way through a task runner: they wait for their inputs, are taken by somebody, and end."""

from __future__ import annotations

import threading
from abc import abstractmethod
from collections.abc import Sequence
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, Protocol

from strongroom.futures import PrefectFuture
from strongroom.states import State
from strongroom.task_runners.runner import TaskRunner, dependencies

if TYPE_CHECKING:
    from strongroom.calls.task_call import TaskCall


MOST_OUTSTANDING = 4096
_STEP_SECONDS = 0.05


NOT_OPEN = ("The task runner is not open.", "Use it as `with runner:`, or give it to a flow.")


class JobQueue(Protocol):
    """Where a job goes when its inputs are there."""

    lock: threading.Lock

    def add(self, job: Any) -> None:
        """Somebody is to take this job, in turn."""


class Job:
    """One call on its way through a runner. Whoever claims it first settles it, once."""

    __slots__ = ("_claim", "_missing", "_outstanding", "_queue", "call", "context", "future", "waits_for")

    def __init__(self, call: TaskCall, queue: JobQueue, outstanding: dict[Any, None]) -> None:
        self.call = call
        self.future: PrefectFuture[Any] = PrefectFuture(call.task_run)
        self.waits_for = dependencies(call)
        self.context = copy_context()
        self._missing = len(self.waits_for) + 1
        self._queue = queue
        self._outstanding = outstanding
        self._claim = threading.Lock()

    def one_less(self, _: object = None) -> None:
        """One dependency is over; the last one queues the job."""
        with self._queue.lock:
            self._missing -= 1
            ready = self._missing == 0
        if ready:
            self._queue.add(self)

    def claim(self) -> bool:
        """Whether the caller is the one who carries it out."""
        return self._claim.acquire(blocking=False)

    def claimed(self) -> bool:
        """Whether somebody carries it out."""
        return self._claim.locked()

    def settle(self, state: State[Any]) -> None:
        """Tell everybody how it ended, and let go of what it held."""
        self._outstanding.pop(self, None)
        self.future.settle(state)
        self.waits_for = ()
        del self.call, self.context


class QueueingTaskRunner(TaskRunner):
    """What runners share that keep jobs until their inputs are there, and carry out so many at a time."""

    def __init__(self) -> None:
        self._outstanding: dict[Job, None] = {}
        self._endings: set[object] = set()

    @abstractmethod
    def job(self, call: TaskCall) -> Job:
        """What carries ``call`` through this runner."""

    @abstractmethod
    def interrupt(self, job: Job) -> None:
        """End a job that runs, as soon as it can be."""

    def interrupt_all(self, jobs: Sequence[Job]) -> None:
        """End jobs that run."""
        for job in jobs:
            self.interrupt(job)

    def schedule(self, call: TaskCall) -> PrefectFuture[Any]:
        """Queue the call, now or when its dependencies are over. While all is being ended, it is cancelled instead."""
        job = self.job(call)
        self._outstanding[job] = None
        if self._endings and job.claim():  # an ending finds it among those outstanding, or it finds the ending
            job.settle(call.cancelled())
            return job.future
        for future in job.waits_for:
            future.add_done_callback(job.one_less)
        job.one_less()
        return job.future

    def relieve(self, patience: float) -> float:
        """Where more than ``MOST_OUTSTANDING`` runs wait or run, wait until half of them ended, while they get on."""
        if len(self._outstanding) <= MOST_OUTSTANDING:
            return patience
        waiting = list(self._outstanding)
        last = waiting[len(waiting) // 2].future
        while not last.done() and patience > 0:
            before = len(self._outstanding)
            last.wait(_STEP_SECONDS)
            if len(self._outstanding) >= before:
                patience -= _STEP_SECONDS
        return patience

    def drain(self) -> None:
        """Wait until everything scheduled is over."""
        while self._outstanding:
            for job in list(self._outstanding):
                job.future.wait()

    def abandon(self, *, interrupt: bool = False) -> None:
        """Cancel what waits, and wait for what runs; ``interrupt`` ends that too, as soon as it can be."""
        ending = object()
        if interrupt:
            self._endings.add(ending)
        try:
            self._abandon(interrupt)
        finally:
            self._endings.discard(ending)

    def _abandon(self, interrupt: bool) -> None:
        running = []
        for job in list(self._outstanding):
            if job.claim():
                job.settle(job.call.cancelled())
            else:
                running.append(job)
        if interrupt:
            self.interrupt_all(running)
        self.drain()
