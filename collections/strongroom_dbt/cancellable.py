"""Asynchronous twins of what waits for dbt: cancelled, they end its process before they let go."""

from __future__ import annotations

import asyncio
import functools
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, ParamSpec, TypeVar

from strongroom import Task

P = ParamSpec("P")
R = TypeVar("R")

_cancelled: ContextVar[threading.Event | None] = ContextVar("strongroom_dbt_cancelled", default=None)


def cancelled_around_here() -> threading.Event | None:
    """What is set when whoever waits for this thread wants it no more; None where nobody can say so."""
    return _cancelled.get()


@contextmanager
def cancelled_by(event: threading.Event) -> Iterator[None]:
    """Within the ``with``, dbt ends when this event is set."""
    before = _cancelled.set(event)
    try:
        yield
    finally:
        _cancelled.reset(before)


async def in_a_thread(function: Callable[[], R]) -> R:
    """What a function gives that waits for dbt, from a thread of its own."""
    cancelled = threading.Event()

    def work() -> R:
        with cancelled_by(cancelled):
            return function()

    running = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        cancelled.set()
        await asyncio.wait([running])
        running.exception()
        raise


def cancellable_twin(task: Task[P, R]) -> Task[P, Coroutine[Any, Any, R]]:
    """The asynchronous twin of a task: the same name and options, its function run in a thread."""

    @functools.wraps(task.fn)
    async def twin(*args: P.args, **kwargs: P.kwargs) -> R:
        return await in_a_thread(functools.partial(task.fn, *args, **kwargs))

    return Task(twin, **task.changed({}))
