"""Locks of results: of several writers of one key, one at a time."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

from strongroom.errors import ResultLocked
from strongroom.results.record_storage import RecordStorage

if TYPE_CHECKING:
    from strongroom.locking.isolation import IsolationLevel
    from strongroom.locking.protocol import LockManager


class ResultLocks:
    """The part of a result store that deals with locks: those of a given manager, or of the ledger."""

    _records: RecordStorage
    _holding: LockManager | None

    def supports_isolation_level(self, level: IsolationLevel) -> bool:
        """Whether runs with one key can take turns: always, by the given lock manager or the ledger's locks."""
        return True

    def acquire_lock(self, key: str, holder: str | None = None, timeout: float | None = None) -> bool:
        """Take the lock of ``key``, waiting at most ``timeout`` seconds; False where it did not become free."""
        return self._locks().acquire_lock(self._records.told(key), holder or self.generate_default_holder(), timeout)

    async def aacquire_lock(self, key: str, holder: str | None = None, timeout: float | None = None) -> bool:
        """Likewise, without blocking the event loop."""
        holder = holder or self.generate_default_holder()
        return await self._locks().aacquire_lock(self._records.told(key), holder, timeout)

    def release_lock(self, key: str, holder: str | None = None) -> None:
        """Free the lock of ``key``; raises :class:`~strongroom.errors.LockNotHeld` where it is not the holder's."""
        self._locks().release_lock(self._records.told(key), holder or self.generate_default_holder())

    def is_locked(self, key: str) -> bool:
        """Whether anybody has the lock of ``key``."""
        return self._locks().is_locked(self._records.told(key))

    def is_lock_holder(self, key: str, holder: str | None = None) -> bool:
        """Whether ``holder`` has the lock of ``key``."""
        return self._locks().is_lock_holder(self._records.told(key), holder or self.generate_default_holder())

    def wait_for_lock(self, key: str, timeout: float | None = None) -> bool:
        """Wait until the lock of ``key`` is free; False where it did not become so in time."""
        return self._locks().wait_for_lock(self._records.told(key), timeout)

    async def await_for_lock(self, key: str, timeout: float | None = None) -> bool:
        """Likewise, without blocking the event loop."""
        return await self._locks().await_for_lock(self._records.told(key), timeout)

    @staticmethod
    def generate_default_holder() -> str:
        """A holder of locks that is the calling thread's: machine, process, thread."""
        return f"{os.uname().nodename}:{os.getpid()}:{threading.get_ident()}"

    def _locks(self) -> LockManager:
        if self._holding is None:
            from strongroom.locking.ledger import LedgerLockManager

            self._holding = LedgerLockManager()
        return self._holding

    def _check_lock(self, key: str, holder: str | None) -> None:
        if self._holding is not None and self.is_locked(key) and not self.is_lock_holder(key, holder):
            raise ResultLocked(
                f"Somebody else holds the lock of the result {key!r:.80}, so it was not written.",
                "Wait for it: wait_for_lock(key).",
            )
