"""How locks are waited for: whoever frees one rings, and for the sake of other processes one asks now and then."""

from __future__ import annotations

import asyncio
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import suppress

from strongroom.errors import LockNotHeld
from strongroom.futures import blocked

_FIRST_PAUSE, _LAST_PAUSE = 0.005, 0.25


class _Bell:
    """Wakes everybody in this process who waits for some lock, in threads and in event loops."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._rung = 0
        self._loops: dict[asyncio.Event, asyncio.AbstractEventLoop] = {}

    def ring(self) -> None:
        with self._condition:
            self._rung += 1
            self._condition.notify_all()
            loops = list(self._loops.items())
        for event, loop in loops:
            with suppress(RuntimeError):  # a loop that was closed meanwhile
                loop.call_soon_threadsafe(event.set)

    def heard(self) -> int:
        """How often it rang so far."""
        return self._rung

    def wait(self, heard: int, seconds: float) -> None:
        """Wait so long, or until it has rung more often than it was ``heard``."""
        with blocked(), self._condition:
            self._condition.wait_for(lambda: self._rung > heard, seconds)

    async def await_(self, heard: int, seconds: float) -> None:
        event = asyncio.Event()
        with self._condition:
            if self._rung > heard:
                return
            self._loops[event] = asyncio.get_running_loop()
        try:
            with suppress(TimeoutError):
                await asyncio.wait_for(event.wait(), seconds)
        finally:
            self._loops.pop(event, None)


bell = _Bell()


class Locks(ABC):
    """A :class:`~strongroom.locking.protocol.LockManager` made of three questions that are answered at once.

    ``blocks`` says whether an answer comes from a disk or a database, so that an event loop should not wait for it.
    """

    blocks = True

    @abstractmethod
    def take(self, key: str, holder: str, hold_timeout: float | None) -> bool:
        """Give the lock to ``holder`` if it is free, or is the holder's already."""

    @abstractmethod
    def give_back(self, key: str, holder: str) -> bool:
        """Free the lock if ``holder`` has it."""

    @abstractmethod
    def holder_of(self, key: str) -> str | None:
        """Who has the lock; None for one that is free."""

    def acquire_lock(
        self, key: str, holder: str, acquire_timeout: float | None = None, hold_timeout: float | None = None
    ) -> bool:
        """Wait for the lock and take it; False where it did not become free in time."""
        return _until(lambda: self.take(key, holder, hold_timeout), acquire_timeout)

    async def aacquire_lock(
        self, key: str, holder: str, acquire_timeout: float | None = None, hold_timeout: float | None = None
    ) -> bool:
        """Likewise, without blocking the event loop."""
        return await self._auntil(lambda: self.take(key, holder, hold_timeout), acquire_timeout)

    def release_lock(self, key: str, holder: str) -> None:
        """Free the lock; raises :class:`~strongroom.errors.LockNotHeld` where ``holder`` does not have it."""
        if not self.give_back(key, holder):
            raise LockNotHeld(
                f"{holder!r:.80} does not hold the lock {key!r:.80}.",
                "Release a lock by the holder that acquired it, and within its hold_timeout.",
            )
        bell.ring()

    def is_locked(self, key: str) -> bool:
        """Whether anybody has the lock."""
        return self.holder_of(key) is not None

    def is_lock_holder(self, key: str, holder: str) -> bool:
        """Whether ``holder`` has the lock."""
        return self.holder_of(key) == holder

    def wait_for_lock(self, key: str, timeout: float | None = None) -> bool:
        """Wait until the lock is free, without taking it; False where it did not become so in time."""
        return _until(lambda: not self.is_locked(key), timeout)

    async def await_for_lock(self, key: str, timeout: float | None = None) -> bool:
        """Likewise, without blocking the event loop."""
        return await self._auntil(lambda: not self.is_locked(key), timeout)

    async def _auntil(self, probe: Callable[[], bool], timeout: float | None) -> bool:
        async def asked() -> bool:
            return await asyncio.to_thread(probe) if self.blocks else probe()

        heard = bell.heard()
        if await asked():
            return True
        for pause in _pauses(timeout):
            await bell.await_(heard, pause)
            heard = bell.heard()
            if await asked():
                return True
        return False


def _until(probe: Callable[[], bool], timeout: float | None) -> bool:
    heard = bell.heard()
    if probe():
        return True
    for pause in _pauses(timeout):
        bell.wait(heard, pause)
        heard = bell.heard()
        if probe():
            return True
    return False


def _pauses(timeout: float | None) -> Iterator[float]:
    """How long to wait before each further question, until ``timeout`` seconds have passed."""
    due = None if timeout is None else time.monotonic() + timeout
    pause = _FIRST_PAUSE
    while due is None or (left := due - time.monotonic()) > 0:
        yield pause if due is None else min(pause, left)
        pause = min(2 * pause, _LAST_PAUSE)
