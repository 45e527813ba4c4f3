"""Brings the jobs of a flow to a Dask cluster, so many at a time, and takes up what comes back."""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from uuid import uuid4
from weakref import WeakKeyDictionary

from strongroom.states import State
from strongroom.task_runners import dask_worker, travel
from strongroom.task_runners.jobs import Job
from strongroom.task_runners.messages import Ending, undumped
from strongroom.task_runners.remote_run import RemoteRun

if TYPE_CHECKING:
    from strongroom.calls.task_call import TaskCall

IN_FLIGHT = 1000
"""So many tasks at a time are with the scheduler, or two a thread of the cluster where that is more."""

LARGE = 1024 * 1024
"""Results of more bytes than this go from worker to worker, rather than through the flow's process, to later tasks."""

GRACE_SECONDS = 10.0
"""How long interrupted tasks may take for their clean-up."""

_LET_GO = "The Dask cluster let the task go: its scheduler cannot be reached any more, or the task was cancelled there."


class DaskJob(Job):
    """A job that the dispatcher brings to the cluster."""

    __slots__ = ("_over", "name", "remote", "run", "unwanted", "upstream")

    def __init__(self, call: TaskCall, dispatcher: DaskDispatcher, outstanding: dict[Any, None]) -> None:
        super().__init__(call, dispatcher, outstanding)
        self.run = RemoteRun(call)
        self.name = ""
        self.remote: Any = None
        self.unwanted = False
        self.upstream = call.upstream
        self._over = threading.Lock()

    def end(self, ended: Callable[[], State[Any]]) -> None:
        """Settle it, unless that is done; what goes wrong meanwhile is the crash of the run."""
        if not self._over.acquire(blocking=False):
            return
        try:
            state = self.context.run(ended)
        except BaseException as error:
            state = self.call.crashed(error)
        self.remote = None
        self.settle(state)

    def give_up(self) -> None:
        """Nobody waits for the worker any more."""
        self.end(self.run.interrupted)


class DaskDispatcher:
    """One thread between the flow and the cluster. What is ready goes together, and so does what is fetched."""

    def __init__(self, client: Any) -> None:
        self.lock = threading.Lock()
        self._client = client
        self._topic = f"strongroom-{uuid4().hex}"
        self._limit = max(IN_FLIGHT, 2 * sum(client.nthreads().values()))
        self._ready: deque[DaskJob] = deque()
        self._flying: dict[str, DaskJob] = {}
        self._kept: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()
        self._news: queue.SimpleQueue[tuple[str, Any] | None] = queue.SimpleQueue()
        client.subscribe_topic(self._topic, lambda event: self._news.put(event[1]))
        self._thread = threading.Thread(target=self._work, name="strongroom-dask", daemon=True)
        self._thread.start()

    def add(self, job: DaskJob) -> None:
        """Bring this job to the cluster, in turn."""
        self._ready.append(job)
        self._news.put(("", None))

    def interrupt(self, jobs: Iterable[Job]) -> None:
        """End tasks on their workers, or before they get there; those that do not end in time are given up."""
        chosen = [job for job in jobs if isinstance(job, DaskJob)]
        if not chosen:
            return
        for job in chosen:
            job.unwanted = True
        waiting = [job.remote for job in chosen if job.remote is not None and not job.future.state.is_running()]
        self._stop(waiting, [job.name for job in chosen if job.name])
        timer = threading.Timer(GRACE_SECONDS, _give_up, (chosen,))
        timer.daemon = True
        timer.start()

    def _stop(self, waiting: list[Any], names: list[str]) -> None:
        with suppress(Exception):
            self._client.cancel(waiting, force=True)
            self._client.run(dask_worker.interrupt, names, on_error="ignore")

    def close(self) -> None:
        """End the thread, and have the scheduler forget what was said."""
        self._news.put(None)
        self._thread.join()
        with suppress(Exception):
            self._client.unsubscribe_topic(self._topic)
            self._client.run_on_scheduler(dask_worker.forget, self._topic)

    def _work(self) -> None:
        news: list[tuple[str, Any] | None] = []
        while None not in news:
            news = [self._news.get()]
            with suppress(queue.Empty):
                while True:
                    news.append(self._news.get_nowait())
            self._land([landed for name, told in filter(None, news) if (landed := self._taken_up(name, told))])
            self._launch()

    def _taken_up(self, name: str, told: Any) -> tuple[str, DaskJob, Any] | None:
        """Take a message up; the job and Dask's future of one that landed."""
        job = self._flying.get(name)
        if job is None or told is None:
            return None
        if not isinstance(told, bytes):
            return name, job, told
        message = undumped(told)
        if isinstance(message, Ending):
            del self._flying[name]
            job.end(lambda: job.run.finish(message))
        else:
            with suppress(AttributeError):  # it was given up meanwhile
                job.context.run(job.run.receive, message)
        return None

    def _land(self, landed: list[tuple[str, DaskJob, Any]]) -> None:
        finished = [entry for entry in landed if entry[2].status == "finished"]
        with suppress(Exception):  # a worker died with what it had: Dask makes that again, and tells anew
            for (name, job, future), body in zip(finished, self._client.gather([e[2] for e in finished]), strict=True):
                self._finish(name, job, future, body)
        for name, job, future in landed:
            if name in self._flying:
                self._end(name, job, future)

    def _finish(self, name: str, job: DaskJob, future: Any, body: bytes) -> None:
        if self._flying.pop(name, None) is None:
            return
        if len(body) > LARGE:
            self._kept[job.future] = future
        job.end(lambda: job.run.finish(undumped(body)))

    def _end(self, name: str, job: DaskJob, future: Any) -> None:
        if future.status == "cancelled" and job.unwanted:
            job.end(job.run.interrupted)
        elif future.status == "cancelled":
            job.end(lambda: job.run.lost(_LET_GO))
        elif future.status == "error":
            error = future.exception()
            job.end(lambda: job.run.lost(f"Dask gave the task up: {type(error).__name__}: {error}"))
        else:
            self._watch(name, future)
            return
        del self._flying[name]

    def _watch(self, name: str, future: Any) -> None:
        future.add_done_callback(lambda future: self._news.put((name, future)))

    def _launch(self) -> None:
        """Bring what is ready to the cluster, as far as there is room for it."""
        batch: list[tuple[str, DaskJob, bytes]] = []
        while self._ready and len(self._flying) < self._limit:
            job = self._ready.popleft()
            if job.claim() and (begun := self._begun(job)) is not None:
                name = job.name = f"{job.call.task.name}-{uuid4().hex}"
                self._flying[name] = job
                body, kept = begun
                if kept:
                    self._send([(name, job, body)], kept)
                else:
                    batch.append((name, job, body))
        if batch:
            self._send(batch, ())

    def _begun(self, job: DaskJob) -> tuple[bytes, list[Any]] | None:
        """The call for a worker, and Dask's futures of inputs that are on the cluster; None for a run that is over."""
        found = [(self._kept[future], future.state.data) for future in job.upstream if future in self._kept]
        there = {id(value): number for number, (_, value) in enumerate(found)}
        job.upstream = ()
        try:
            begun = job.context.run(job.run.begin, there)
        except BaseException as error:
            begun = job.context.run(job.call.crashed, error)
        if isinstance(begun, State) or job.unwanted:
            job.end(lambda: begun if isinstance(begun, State) else job.run.interrupted())
            return None
        return travel.dumps(begun), [kept for kept, _ in found]

    def _send(self, batch: list[tuple[str, DaskJob, bytes]], kept: Iterable[Any]) -> None:
        names, jobs, bodies = zip(*batch, strict=True)
        try:
            if kept:
                sent = (bodies[0], self._topic, names[0], *kept)
                futures = [self._client.submit(dask_worker.carry_out, *sent, key=names[0], pure=False)]
            else:
                topics = [self._topic] * len(batch)
                futures = self._client.map(dask_worker.carry_out, bodies, topics, names, key=list(names), pure=False)
        except Exception as error:
            why = f"The task cannot be brought to the Dask cluster: {type(error).__name__}: {error}"
            for name, job, _ in batch:
                del self._flying[name]
                job.end(lambda job=job: job.run.lost(why))  # type: ignore[misc]
            return
        for name, job, future in zip(names, jobs, futures, strict=True):
            job.remote = future
            self._watch(name, future)
        if late := [job for job in jobs if job.unwanted]:  # since a moment
            self._stop([job.remote for job in late], [job.name for job in late])


def _give_up(jobs: list[DaskJob]) -> None:
    for job in jobs:
        job.give_up()
