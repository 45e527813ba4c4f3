"""Steps of transactions that are carried out in either colour."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Generator
from dataclasses import dataclass
from inspect import isawaitable
from typing import Any

from strongroom.engine import finished


@dataclass(frozen=True, slots=True)
class Deed:
    """A part of a step that is carried out in either colour: users' code, or something that waits for a disk."""

    run: Callable[[], Any]
    awaits: Callable[[], Awaitable[Any]] | None = None
    is_hook: bool = False


Steps = Generator[Deed, Any, Any]


def carry_out(steps: Steps) -> Any:
    """Carry out steps in synchronous code; an asynchronous hook gets an event loop of its own."""
    advance: Callable[[Any], Deed] = steps.send
    value: Any = None
    while True:
        try:
            deed = advance(value)
        except StopIteration as end:
            return end.value
        try:
            advance, value = steps.send, finished(deed.run()) if deed.is_hook else deed.run()
        except BaseException as error:
            advance, value = steps.throw, error


async def acarry_out(steps: Steps) -> Any:
    """Carry out steps in asynchronous code: hooks in its event loop, what waits for a disk in a thread."""
    advance: Callable[[Any], Deed] = steps.send
    value: Any = None
    while True:
        try:
            deed = advance(value)
        except StopIteration as end:
            return end.value
        try:
            advance, value = steps.send, await _done(deed)
        except BaseException as error:
            advance, value = steps.throw, error


async def _done(deed: Deed) -> Any:
    if deed.is_hook:
        value = deed.run()
        return await value if isawaitable(value) else value
    return await (deed.awaits() if deed.awaits is not None else asyncio.to_thread(deed.run))
