"""Waiting for something that another process, or another thread of this one, does in the ledger."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TypeVar

from strongroom.ledger.current import current_ledger
from strongroom.ledger.ledger import Ledger, Session

T = TypeVar("T")

SHORTEST_SECONDS = 0.02
LONGEST_SECONDS = 0.5


def wait_until(probe: Callable[[Session], T | None], timeout: float | None = None) -> T | None:
    """What ``probe`` gives once that is not None; None after ``timeout`` seconds.

    ``probe`` is called with a transaction that may change the ledger: at once when this process changed it, and every
    20 to 500 milliseconds for what others do.
    """
    ledger = current_ledger()
    limit = None if timeout is None else time.monotonic() + timeout
    pause = SHORTEST_SECONDS
    while True:
        seen = ledger.changes.count
        found = _probed(ledger, probe)
        if found is not None:
            return found
        left = pause if limit is None else limit - time.monotonic()
        if left <= 0:
            return None
        ledger.changes.wait(seen, min(pause, left))
        pause = min(pause * 1.5, LONGEST_SECONDS)


async def await_until(probe: Callable[[Session], T | None], timeout: float | None = None) -> T | None:
    """Like :func:`wait_until`, for asynchronous code: the event loop goes on meanwhile."""
    ledger = current_ledger()
    limit = None if timeout is None else time.monotonic() + timeout
    pause = SHORTEST_SECONDS
    loop, changed = asyncio.get_running_loop(), asyncio.Event()

    def wake() -> None:
        with suppress(RuntimeError):  # the loop was closed meanwhile
            loop.call_soon_threadsafe(changed.set)

    with ledger.changes.listening(wake):
        while True:
            changed.clear()
            found: T | None = await asyncio.to_thread(partial(_probed, ledger, probe))
            if found is not None:
                return found
            left = pause if limit is None else limit - time.monotonic()
            if left <= 0:
                return None
            with suppress(TimeoutError):
                await asyncio.wait_for(changed.wait(), min(pause, left))
            pause = min(pause * 1.5, LONGEST_SECONDS)


def _probed(ledger: Ledger, probe: Callable[[Session], T | None]) -> T | None:
    with ledger.changing() as session:
        return probe(session)
