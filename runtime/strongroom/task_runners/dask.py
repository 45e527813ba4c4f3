"""Dask: for flows whose tasks one machine is not enough for."""

from __future__ import annotations

import multiprocessing.process
import queue
import threading
from collections import deque
from collections.abc import Callable
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Any
from uuid import uuid4
from weakref import WeakKeyDictionary

from strongroom_blocks import require_extra

from strongroom.errors import InvalidDefinition
from strongroom.logging import get_logger
from strongroom.states import State
from strongroom.task_runners import dask_worker, travel
from strongroom.task_runners.jobs import NOT_OPEN, Job, QueueingTaskRunner
from strongroom.task_runners.remote_run import RemoteRun

if TYPE_CHECKING:
    from strongroom.calls.task_call import TaskCall

IN_FLIGHT = 1000
"""So many tasks at a time are with the scheduler, or two a thread of the cluster where that is more."""

LARGE = 1024 * 1024
"""Results of more bytes than this go from worker to worker, rather than through the flow's process, to later tasks."""

GRACE_SECONDS = 10.0
"""How long interrupted tasks may take for their clean-up."""

_log = get_logger("task_runners.dask")


class DaskTaskRunner(QueueingTaskRunner):
    """Carries out tasks on the workers of a Dask cluster: a temporary one of this machine, or any other.

    Inputs and results travel as pickles, saved blocks as references, which a worker loads from the registry that its
    own environment names. A result beyond a MiB goes from worker to worker, to the tasks that take it. What a lost
    worker was doing, and what it alone kept, Dask does again elsewhere; a task that takes several workers down is
    Crashed. Tasks that a task submits run in threads of its worker.

    :param cluster: a running cluster, which stays open.
    :param address: where the scheduler of one listens: ``"tcp://127.0.0.1:8786"``.
    :param cluster_class: the class of a temporary cluster, or its full name; ``distributed.LocalCluster`` by default.
    :param cluster_kwargs: what to make it with: ``{"n_workers": 4, "threads_per_worker": 2}``.
    :param adapt_kwargs: what to call its ``adapt`` with, such as ``{"maximum": 10}``; without, it does not adapt.
    :param client_kwargs: what to make the ``distributed.Client`` with.
    :param performance_report_path: the HTML file to write Dask's report of the run to; needs the package ``bokeh``.
    """

    def __init__(
        self,
        cluster: Any = None,
        address: str | None = None,
        cluster_class: str | Callable[..., Any] | None = None,
        cluster_kwargs: dict[str, Any] | None = None,
        adapt_kwargs: dict[str, Any] | None = None,
        client_kwargs: dict[str, Any] | None = None,
        performance_report_path: str | None = None,
    ) -> None:
        super().__init__()
        _check(cluster, address, cluster_class, cluster_kwargs, adapt_kwargs, client_kwargs)
        self.cluster = cluster
        self.address = address
        self.cluster_class = cluster_class
        self.cluster_kwargs = dict(cluster_kwargs or {})
        self.adapt_kwargs = dict(adapt_kwargs or {})
        self.client_kwargs = {"set_as_default": False, **(client_kwargs or {})}
        self.performance_report_path = performance_report_path
        self._stack = ExitStack()
        self._queue: _Dispatcher | None = None
        self._client: Any = None

    def duplicate(self) -> DaskTaskRunner:
        """Another runner set up in the same way; a cluster that was given is shared."""
        return type(self)(
            self.cluster,
            self.address,
            self.cluster_class,
            self.cluster_kwargs,
            self.adapt_kwargs,
            self.client_kwargs,
            self.performance_report_path,
        )

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self._settings() == other._settings()

    __hash__ = None  # type: ignore[assignment]

    def _settings(self) -> tuple[Any, ...]:
        chosen = (self.cluster, self.address, self.cluster_class, self.cluster_kwargs)
        return (*chosen, self.adapt_kwargs, self.client_kwargs, self.performance_report_path)

    @property
    def client(self) -> Any:
        """The ``distributed.Client`` of the open runner."""
        if self._client is None:
            raise InvalidDefinition(*NOT_OPEN)
        return self._client

    def open(self) -> None:
        """Connect to the cluster, or start one."""
        distributed = require_extra("distributed", extra="dask")
        with ExitStack() as stack:
            cluster = self.cluster
            if cluster is None and self.address is None:
                cluster = stack.enter_context(_made(distributed, self.cluster_class, self.cluster_kwargs))
            if cluster is not None and self.adapt_kwargs:
                cluster.adapt(**self.adapt_kwargs)
            at = self.address or (cluster.scheduler_address if getattr(cluster, "asynchronous", False) else cluster)
            self._client = stack.enter_context(distributed.Client(at, **self.client_kwargs))
            if self.cluster is None and self.address is None:
                self._client.register_plugin(dask_worker.no_interrupts())
            if self.performance_report_path is not None:
                require_extra("bokeh", extra="dask")
                report = distributed.performance_report(filename=self.performance_report_path)
                stack.enter_context(self._client.as_current())
                stack.enter_context(report)
            if link := self._client.dashboard_link:
                _log.info("The Dask dashboard is at %s", link)
            self._queue = _Dispatcher(self._client)
            stack.callback(self._queue.close)
            self._stack = stack.pop_all()

    def job(self, call: TaskCall) -> Job:
        """A job for a worker."""
        if self._queue is None:
            raise InvalidDefinition(*NOT_OPEN)
        return _DaskJob(call, self._queue, self._outstanding)

    def abandon(self, *, interrupt: bool = False) -> None:
        """Cancel what has not begun, and wait for what has; with ``interrupt``, end that too, and wait for so long."""
        if interrupt and self._queue is not None:
            self._queue.interrupt([job for job in list(self._outstanding) if job.claimed()])
        super().abandon()

    def interrupt(self, job: Job) -> None:
        """End the task of a job at its next step in Python."""
        if self._queue is not None:
            self._queue.interrupt([job])

    def close(self) -> None:
        """Let go of the cluster; a temporary one ends, and what still runs on it too."""
        for job in list(self._outstanding):
            if job.claim():
                job.settle(job.call.cancelled())
            elif isinstance(job, _DaskJob):
                job.give_up()
        self._stack.close()
        self._client = self._queue = None


def _check(
    cluster: Any, address: str | None, cluster_class: Any, cluster_kwargs: Any, adapt_kwargs: Any, client_kwargs: Any
) -> None:
    if address and (cluster or cluster_class or cluster_kwargs or adapt_kwargs):
        raise InvalidDefinition(
            "A DaskTaskRunner has an address, and also a cluster, cluster_class, cluster_kwargs or adapt_kwargs.",
            "Give the address alone: the cluster there is set up already.",
        )
    if cluster and (cluster_class or cluster_kwargs):
        raise InvalidDefinition(
            "A DaskTaskRunner has a cluster, and also a cluster_class or cluster_kwargs.", "Give one of them."
        )
    for name, given in (("client_kwargs", client_kwargs), ("cluster_kwargs", cluster_kwargs)):
        if "asynchronous" in (given or {}):
            raise InvalidDefinition(f"{name} of a DaskTaskRunner has 'asynchronous'.", "Leave it out.")


def _made(distributed: Any, cluster_class: Any, cluster_kwargs: dict[str, Any]) -> Any:
    """A temporary cluster; the one of this machine listens on 127.0.0.1 alone."""
    if getattr(multiprocessing.process.current_process(), "_inheriting", False):
        raise InvalidDefinition("A worker of Dask ran this script, and came to the flow that began the worker.", _GUARD)
    if isinstance(cluster_class, str):
        module, _, name = cluster_class.rpartition(".")
        cluster_class = getattr(require_extra(module, extra="dask"), name)
    if cluster_class is None or cluster_class is distributed.LocalCluster:
        cluster_class = distributed.LocalCluster
        cluster_kwargs = {"dashboard_address": "127.0.0.1:8787", **cluster_kwargs}
    try:
        return cluster_class(**cluster_kwargs)
    except RuntimeError as error:
        if "Nanny" not in str(error):
            raise
        problem = f"The Dask cluster of this machine did not start ({error}): its workers said why, above."
    raise InvalidDefinition(problem, _GUARD)


_GUARD = 'In a script, put the call of the flow below `if __name__ == "__main__":`, for each worker runs the script.'


class _DaskJob(Job):
    """A job that the dispatcher brings to the cluster."""

    __slots__ = ("_over", "remote", "run", "upstream")

    def __init__(self, call: TaskCall, dispatcher: _Dispatcher, outstanding: dict[Any, None]) -> None:
        super().__init__(call, dispatcher, outstanding)
        self.run = RemoteRun(call)
        self.remote: Any = None
        self.upstream = call.upstream
        self._over = threading.Lock()

    def end(self, ended: Callable[[], State[Any]]) -> None:
        """Settle it, unless that is done; what went wrong meanwhile is the crash of the run."""
        if not self._over.acquire(blocking=False):
            return
        try:
            state = self.context.run(ended)
        except BaseException as error:
            state = self.call.crashed(error)
        self.settle(state)

    def give_up(self) -> None:
        """Nobody waits for the worker any more."""
        self.end(self.run.interrupted)


def _give_up(jobs: list[_DaskJob]) -> None:
    for job in jobs:
        job.give_up()


class _Dispatcher:
    """One thread that brings jobs to a cluster, so many at a time, and takes up what comes back, in its order."""

    def __init__(self, client: Any) -> None:
        self.lock = threading.Lock()
        self._client = client
        self._topic = f"strongroom-{uuid4().hex}"
        self._limit = max(IN_FLIGHT, 2 * sum(client.nthreads().values()))
        self._ready: deque[_DaskJob] = deque()
        self._flying: dict[str, _DaskJob] = {}
        self._kept: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()
        self._news: queue.SimpleQueue[tuple[str, Any] | None] = queue.SimpleQueue()
        client.subscribe_topic(self._topic, lambda event: self._news.put(event[1]))
        self._thread = threading.Thread(target=self._work, name="strongroom-dask", daemon=True)
        self._thread.start()

    def add(self, job: _DaskJob) -> None:
        """Bring this job to the cluster, in turn."""
        self._ready.append(job)
        self._news.put(("", None))

    def interrupt(self, jobs: list[Job]) -> None:
        """End tasks on their workers, or before they get there; those that do not end in time are given up."""
        chosen = [job for job in jobs if isinstance(job, _DaskJob)]
        if not chosen:
            return
        waiting = [job.remote for job in chosen if job.remote is not None and not job.future.state.is_running()]
        ids = [job.future.task_run_id for job in chosen]
        with suppress(Exception):
            self._client.cancel(waiting, force=True)
            self._client.run(dask_worker.interrupt, ids, on_error="ignore")
        timer = threading.Timer(GRACE_SECONDS, _give_up, (chosen,))
        timer.daemon = True
        timer.start()

    def close(self) -> None:
        """End the thread, and have the scheduler forget what was said."""
        self._news.put(None)
        self._thread.join()
        with suppress(Exception):
            self._client.unsubscribe_topic(self._topic)
            self._client.run_on_scheduler(dask_worker.forget, self._topic)

    def _work(self) -> None:
        while (news := self._news.get()) is not None:
            name, told = news
            job = self._flying.get(name)
            if job is not None and isinstance(told, bytes):
                self._tell(job, told)
            elif job is not None:
                self._land(name, job, told)
            while self._ready and len(self._flying) < self._limit:
                self._launch(self._ready.popleft())

    def _tell(self, job: _DaskJob, body: bytes) -> None:
        with suppress(AttributeError):  # it was given up meanwhile
            job.context.run(job.run.receive, travel.loads(body))

    def _launch(self, job: _DaskJob) -> None:
        if not job.claim():
            return
        try:
            kept, there = self._on_the_cluster(job)
            begun = job.context.run(job.run.begin, there)
            if isinstance(begun, State):
                job.end(lambda: begun)
                return
            name = f"{job.call.task.name}-{uuid4().hex}"
            body = travel.dumps(begun)
            job.remote = self._client.submit(
                dask_worker.carry_out, body, self._topic, name, *kept, key=name, pure=False
            )
        except BaseException as error:
            why = f"The task cannot be brought to the Dask cluster: {type(error).__name__}: {error}"
            job.end(lambda: job.run.lost(why))
            return
        self._flying[name] = job
        self._watch(name, job.remote)

    def _watch(self, name: str, future: Any) -> None:
        future.add_done_callback(lambda future: self._news.put((name, future)))

    def _on_the_cluster(self, job: _DaskJob) -> tuple[list[Any], dict[int, int]]:
        """Dask's futures of inputs that are on the cluster, and the number of each by the ``id`` of its value here."""
        found = [(self._kept[future], future.state.data) for future in job.upstream if future in self._kept]
        job.upstream = ()
        return [kept for kept, _ in found], {id(value): number for number, (_, value) in enumerate(found)}

    def _land(self, name: str, job: _DaskJob, future: Any) -> None:
        status = future.status
        if status in ("pending", "lost"):  # its worker died before anybody fetched the result, so Dask makes it again
            self._watch(name, future)
            return
        del self._flying[name]
        job.remote = None
        if status == "finished":
            job.end(lambda: job.run.finish(self._fetched(job, future)))
        elif status == "cancelled":
            job.end(job.run.interrupted)
        else:
            error = future.exception()
            job.end(lambda: job.run.lost(f"Dask gave the task up: {type(error).__name__}: {error}"))

    def _fetched(self, job: _DaskJob, future: Any) -> Any:
        body = future.result()
        if len(body) > LARGE:
            self._kept[job.future] = future
        return travel.loads(body)
