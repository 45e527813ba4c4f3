"""Dask's own client inside flows and tasks: for collections such as a ``dask.dataframe``, on the flow's cluster."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from strongroom_blocks import require_extra

from strongroom.context import FlowRunContext, TaskRunContext

if TYPE_CHECKING:
    import distributed


@contextmanager
def get_dask_client(
    timeout: float | str | timedelta | None = None, **client_kwargs: Any
) -> Iterator[distributed.Client]:
    """A temporary synchronous client of the cluster that the run around it has; outside of runs, of a new local one.

    :param timeout: how long connecting may take: seconds, or a text such as ``"120s"``.
    :param client_kwargs: more arguments of ``distributed.Client``, over those of the task runner.

    A task gives up its place among the worker's threads inside the block, so that what it waits for finds one.
    """
    module = require_extra("distributed", extra="dask")
    with _stepped_aside(module), module.Client(**_arguments(module, timeout, client_kwargs)) as client:
        yield client


@asynccontextmanager
async def get_async_dask_client(
    timeout: float | str | timedelta | None = None, **client_kwargs: Any
) -> AsyncIterator[distributed.Client]:
    """The same, an asynchronous client for asynchronous flows and tasks."""
    module = require_extra("distributed", extra="dask")
    arguments = {**_arguments(module, timeout, client_kwargs), "asynchronous": True}
    with _stepped_aside(module):
        async with module.Client(**arguments) as client:
            yield client


def _arguments(module: Any, timeout: Any, more: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {"set_as_default": False}
    flow = FlowRunContext.get()
    if TaskRunContext.get() is not None and (worker := _worker(module)) is not None:
        found["address"] = worker.scheduler.address
    elif flow is not None:
        from strongroom.task_runners.dask import DaskTaskRunner

        if isinstance(runner := flow.task_runner, DaskTaskRunner):
            found.update(runner.client_kwargs, address=runner.client.scheduler.address)
    if timeout is not None:
        found["timeout"] = timeout
    return {**found, **more}


def _worker(module: Any) -> Any:
    try:
        return module.get_worker()
    except ValueError:
        return None


@contextmanager
def _stepped_aside(module: Any) -> Iterator[None]:
    if TaskRunContext.get() is None or _worker(module) is None:
        yield
        return
    module.secede()
    try:
        yield
    finally:
        module.rejoin()
