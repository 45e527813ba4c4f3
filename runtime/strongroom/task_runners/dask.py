"""Dask: for flows whose tasks one machine is not enough for."""

from __future__ import annotations

import multiprocessing.process
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from strongroom_blocks import require_extra

from strongroom.errors import InvalidDefinition
from strongroom.logging import get_logger
from strongroom.task_runners import dask_worker
from strongroom.task_runners.dask_dispatcher import DaskDispatcher, DaskJob
from strongroom.task_runners.jobs import NOT_OPEN, Job, QueueingTaskRunner

if TYPE_CHECKING:
    from strongroom.calls.task_call import TaskCall

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
        self._queue: DaskDispatcher | None = None
        self._client: Any = None

    def __reduce__(self) -> tuple[type[DaskTaskRunner], tuple[Any, ...]]:
        """Elsewhere, a cluster that was given is the one at its address."""
        cluster, address, *rest = self._settings()
        return type(self), (None, address or getattr(cluster, "scheduler_address", None), *rest)

    def duplicate(self) -> DaskTaskRunner:
        """Another runner set up in the same way; a cluster that was given is shared."""
        return type(self)(*self._settings())

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
            self._queue = DaskDispatcher(self._client)
            stack.callback(self._queue.close)
            self._stack = stack.pop_all()

    def job(self, call: TaskCall) -> Job:
        """A job for a worker."""
        if self._queue is None:
            raise InvalidDefinition(*NOT_OPEN)
        return DaskJob(call, self._queue, self._outstanding)

    def interrupt(self, job: Job) -> None:
        """End the task of a job at its next step in Python."""
        self.interrupt_all([job])

    def interrupt_all(self, jobs: Sequence[Job]) -> None:
        """Tell all workers at once."""
        if self._queue is not None:
            self._queue.interrupt(jobs)

    def close(self) -> None:
        """Let go of the cluster; a temporary one ends, and what still runs on it too."""
        for job in list(self._outstanding):
            if job.claim():
                job.settle(job.call.cancelled())
            elif isinstance(job, DaskJob):
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
