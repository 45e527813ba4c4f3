"""Locks of one process: for threads and coroutines."""

from __future__ import annotations

import threading
import time
from typing import ClassVar, NamedTuple

from strongroom.locking.waiting import Locks


class _Held(NamedTuple):
    holder: str
    until: float | None


class MemoryLockManager(Locks):
    """Locks that all managers of this kind in a process share. They end with it."""

    blocks = False
    _guard: ClassVar[threading.Lock] = threading.Lock()
    _locks: ClassVar[dict[str, _Held]] = {}

    def take(self, key: str, holder: str, hold_timeout: float | None) -> bool:
        """Give the lock to ``holder`` if it is free, or is the holder's already."""
        with self._guard:
            held = self._held(key)
            if held is not None:
                return held.holder == holder
            self._locks[key] = _Held(holder, None if hold_timeout is None else time.monotonic() + hold_timeout)
            return True

    def give_back(self, key: str, holder: str) -> bool:
        """Free the lock if ``holder`` has it."""
        with self._guard:
            held = self._held(key)
            if held is None or held.holder != holder:
                return False
            del self._locks[key]
            return True

    def holder_of(self, key: str) -> str | None:
        """Who has the lock; None for one that is free."""
        with self._guard:
            held = self._held(key)
            return None if held is None else held.holder

    def _held(self, key: str) -> _Held | None:
        held = self._locks.get(key)
        if held is not None and held.until is not None and held.until <= time.monotonic():
            del self._locks[key]
            return None
        return held
