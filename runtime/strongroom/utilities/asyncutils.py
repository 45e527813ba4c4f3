"""``prefect.utilities.asyncutils`` under its name: from one colour of code to the other."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from contextvars import copy_context
from typing import Any, TypeVar

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
