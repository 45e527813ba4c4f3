"""What transactions ask of locks. Names and parameters are those that Prefect 3 documents."""

from __future__ import annotations

from typing import Protocol, runtime_checkable


@runtime_checkable
class LockManager(Protocol):
    """Gives each key to one holder at a time.

    A holder is a text that tells one user of a lock from the next; a holder that has a lock gets it once more at once,
    and frees it by one release. ``acquire_timeout`` and ``timeout`` are seconds to wait, ``None`` without an end and 0
    not at all; after ``hold_timeout`` seconds a lock frees itself. A lock whose holder died is free.
    """

    def acquire_lock(
        self, key: str, holder: str, acquire_timeout: float | None = None, hold_timeout: float | None = None
    ) -> bool:
        """Wait for the lock and take it; False where it did not become free in time."""

    async def aacquire_lock(
        self, key: str, holder: str, acquire_timeout: float | None = None, hold_timeout: float | None = None
    ) -> bool:
        """Likewise, without blocking the event loop."""

    def release_lock(self, key: str, holder: str) -> None:
        """Free the lock; raises :class:`~strongroom.errors.LockNotHeld` where ``holder`` does not have it."""

    def is_locked(self, key: str) -> bool:
        """Whether anybody has the lock."""

    def is_lock_holder(self, key: str, holder: str) -> bool:
        """Whether ``holder`` has the lock."""

    def wait_for_lock(self, key: str, timeout: float | None = None) -> bool:
        """Wait until the lock is free, without taking it; False where it did not become so in time."""

    async def await_for_lock(self, key: str, timeout: float | None = None) -> bool:
        """Likewise, without blocking the event loop."""
