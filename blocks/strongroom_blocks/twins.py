"""One implementation, two colours: the asynchronous twin of a synchronous function."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager, asynccontextmanager
from contextvars import ContextVar
from threading import Event
from typing import Any, Concatenate, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")
C = TypeVar("C")

_given_up: ContextVar[Event | None] = ContextVar("strongroom_given_up", default=None)


def given_up() -> Event | None:
    """What is set when the coroutine that waits for this thread's work was cancelled; None where none waits for it.

    For work that can be ended from outside: a query, a process.
    """
    return _given_up.get()


async def in_a_thread(call: Callable[[], R]) -> R:
    """What a call gives, from a worker thread, with the caller's context variables."""
    import asyncio

    event = Event()
    before = _given_up.set(event)
    try:
        return await asyncio.to_thread(call)
    except asyncio.CancelledError:
        event.set()
        raise
    finally:
        _given_up.reset(before)


def async_twin(function: Callable[Concatenate[C, P], R]) -> Callable[Concatenate[C, P], Coroutine[Any, Any, R]]:
    """The asynchronous twin of a method: the same call in a worker thread, with the caller's context variables.

    Below an instance method, ``asave = async_twin(save)``. For a class method it stands between ``@classmethod`` and a
    definition that calls the synchronous one, because type checkers lose ``Self`` otherwise.
    """

    @functools.wraps(function)
    async def twin(self: C, /, *args: P.args, **kwargs: P.kwargs) -> R:
        return await in_a_thread(functools.partial(function, self, *args, **kwargs))

    return twin


def function_twin(function: Callable[P, R]) -> Callable[P, Coroutine[Any, Any, R]]:
    """:func:`async_twin` of a function that is no method: ``aread = function_twin(read)``."""

    @functools.wraps(function)
    async def twin(*args: P.args, **kwargs: P.kwargs) -> R:
        return await in_a_thread(functools.partial(function, *args, **kwargs))

    return twin


def stream_twin(method: Callable[Concatenate[C, P], Iterator[R]]) -> Callable[Concatenate[C, P], AsyncIterator[R]]:
    """The asynchronous twin of a method that yields: see :func:`stepped`."""

    @functools.wraps(method)
    def twin(self: C, /, *args: P.args, **kwargs: P.kwargs) -> AsyncIterator[R]:
        return stepped(method(self, *args, **kwargs))

    return twin


def context_twin(
    method: Callable[Concatenate[C, P], AbstractContextManager[R]],
) -> Callable[Concatenate[C, P], AbstractAsyncContextManager[R]]:
    """The asynchronous twin of a method that gives a context manager: see :func:`entered`."""

    @functools.wraps(method)
    def twin(self: C, /, *args: P.args, **kwargs: P.kwargs) -> AbstractAsyncContextManager[R]:
        return entered(method(self, *args, **kwargs))

    return twin


async def stepped(steps: Iterator[R]) -> AsyncIterator[R]:
    """What an iterator gives, each step of it a call in a worker thread.

    Who leaves early, or is cancelled in the middle of a step, has a generator closed once the step is over.
    """
    import asyncio
    import threading

    turn, end = threading.Lock(), object()

    def step() -> Any:
        with turn:
            return next(steps, end)

    def close() -> None:
        with turn:
            getattr(steps, "close", lambda: None)()

    try:
        while (found := await asyncio.to_thread(step)) is not end:
            yield found
    finally:
        await asyncio.shield(asyncio.to_thread(close))


@asynccontextmanager
async def entered(manager: AbstractContextManager[R]) -> AsyncIterator[R]:
    """A context manager that is entered and left in worker threads."""
    import asyncio

    inside = await asyncio.to_thread(manager.__enter__)
    try:
        yield inside
    except BaseException as error:
        leaving = asyncio.to_thread(manager.__exit__, type(error), error, error.__traceback__)
        if not await asyncio.shield(leaving):
            raise
    else:
        await asyncio.shield(asyncio.to_thread(manager.__exit__, None, None, None))
