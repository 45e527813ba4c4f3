"""One implementation, two colours: the asynchronous twin of a synchronous function."""

from __future__ import annotations

import functools
from collections.abc import Callable, Coroutine
from typing import Any, Concatenate, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")
C = TypeVar("C")


def async_twin(function: Callable[Concatenate[C, P], R]) -> Callable[Concatenate[C, P], Coroutine[Any, Any, R]]:
    """The asynchronous twin of a method: the same call in a worker thread, with the caller's context variables.

    Below an instance method, ``asave = async_twin(save)``. For a class method it stands between ``@classmethod`` and a
    definition that calls the synchronous one, because type checkers lose ``Self`` otherwise.
    """

    @functools.wraps(function)
    async def twin(self: C, /, *args: P.args, **kwargs: P.kwargs) -> R:
        import asyncio

        return await asyncio.to_thread(function, self, *args, **kwargs)

    return twin


def function_twin(function: Callable[P, R]) -> Callable[P, Coroutine[Any, Any, R]]:
    """:func:`async_twin` of a function that is no method: ``aread = function_twin(read)``."""

    @functools.wraps(function)
    async def twin(*args: P.args, **kwargs: P.kwargs) -> R:
        import asyncio

        return await asyncio.to_thread(function, *args, **kwargs)

    return twin
