"""Names that Prefect documents for both colours: in synchronous code they work at once, in asynchronous code they are
awaited.

What the code is, is decided by the run that it is part of: an asynchronous flow or task, in its event loop. Outside of
runs a running event loop decides. Each such name has an asynchronous twin with an ``a`` before it that decides nothing.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec, TypeVar

from strongroom_blocks.awaited import is_awaited as is_awaited

from strongroom.context import current_run

P = ParamSpec("P")
R = TypeVar("R")


def in_asynchronous_code() -> bool:
    """Whether the calling code can await."""
    if asyncio._get_running_loop() is None:
        return False
    run: Any = current_run()
    return run is None or bool(run.is_async)


def asynchronous(function: Callable[P, R]) -> Callable[P, Coroutine[Any, Any, R]]:
    """The twin of a function that waits for a disk, for code that awaits: the same call in a worker thread."""

    @functools.wraps(function)
    async def twin(*args: P.args, **kwargs: P.kwargs) -> R:
        return await asyncio.to_thread(function, *args, **kwargs)

    return twin


def dual(function: Callable[P, R]) -> Callable[P, Any]:
    """The function in synchronous code, and its twin in asynchronous code."""
    twin = asynchronous(function)

    @functools.wraps(function)
    def either(*args: P.args, **kwargs: P.kwargs) -> Any:
        return twin(*args, **kwargs) if in_asynchronous_code() else function(*args, **kwargs)

    return either
