"""``await`` before a call that needs none, as scripts for other libraries have it: ``await Secret.load("crm")``.

What such a call gives does not depend on where it stands: without ``await`` it is the value, in any code. With
``await`` right before it, which asks for more than a value, it is the same call in a worker thread.
"""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable
from opcode import opmap
from types import FrameType
from typing import Any, TypeVar, cast

F = TypeVar("F", bound=Callable[..., Any])

_CAN_AWAIT = inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR
_AWAIT, _CACHE = opmap.get("GET_AWAITABLE"), opmap.get("CACHE", 0)


def is_awaited(caller: FrameType) -> bool:
    """Whether ``caller`` awaits what the call gives that it is at, and does nothing else with it before."""
    code = caller.f_code
    if not code.co_flags & _CAN_AWAIT:
        return False
    instructions, place = code.co_code, caller.f_lasti + 2
    while place < len(instructions) and instructions[place] == _CACHE:
        place += 2
    return place < len(instructions) and instructions[place] == _AWAIT


def awaitable_too(function: F) -> F:
    """The function, which may also be awaited: it runs in a worker thread then, and the event loop goes on."""

    @functools.wraps(function)
    def either(*args: Any, **kwargs: Any) -> Any:
        if is_awaited(sys._getframe(1)):
            import asyncio

            return asyncio.to_thread(function, *args, **kwargs)
        return function(*args, **kwargs)

    return cast("F", either)
