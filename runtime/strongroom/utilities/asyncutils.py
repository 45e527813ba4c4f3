"""``prefect.utilities.asyncutils`` under its name: from one colour of code to the other."""

from __future__ import annotations

import asyncio
import functools
import threading
from collections.abc import Callable, Coroutine
from contextvars import copy_context
from typing import Any, ParamSpec, TypeVar

from strongroom.colours import in_asynchronous_code

P = ParamSpec("P")
R = TypeVar("R")


def run_coro_as_sync(coroutine: Coroutine[Any, Any, R]) -> R:
    """What a coroutine gives, from synchronous code; in a thread of its own where an event loop runs here already."""
    if asyncio._get_running_loop() is None:
        return asyncio.run(coroutine)
    found: list[R] = []
    raised: list[BaseException] = []

    def run() -> None:
        try:
            found.append(asyncio.run(coroutine))
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=copy_context().run, args=(run,))
    thread.start()
    thread.join()
    if raised:
        raise raised[0]
    return found[0]


async def run_sync_in_worker_thread(fn: Callable[..., R], *args: Any, **kwargs: Any) -> R:
    """What a blocking function gives, from asynchronous code; the event loop goes on meanwhile."""
    return await asyncio.to_thread(fn, *args, **kwargs)


def sync_compatible(async_fn: Callable[P, Coroutine[Any, Any, R]]) -> Callable[..., Any]:
    """An asynchronous function that synchronous code calls too: there it gives what its coroutine gives.

    ``_sync=True`` and ``_sync=False`` at a call say which of the two is wanted.
    """

    @functools.wraps(async_fn)
    def either(*args: P.args, _sync: bool | None = None, **kwargs: P.kwargs) -> Any:  # type: ignore[valid-type]
        coroutine = async_fn(*args, **kwargs)
        awaits = in_asynchronous_code() if _sync is None else not _sync
        return coroutine if awaits else run_coro_as_sync(coroutine)

    return either
