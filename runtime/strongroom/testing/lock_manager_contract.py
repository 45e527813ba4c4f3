"""What every lock manager has to do: the suite for :class:`~strongroom.locking.protocol.LockManager`."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import pytest

from strongroom.errors import LockNotHeld
from strongroom.locking.protocol import LockManager

SOON = 20.0
"""Seconds in which what another thread does has happened for sure."""


class LockManagerContract:
    """Subclass it and give it a fixture ``locks`` that makes a lock manager without locks."""

    def test_it_has_what_the_protocol_has(self, locks: LockManager) -> None:
        assert isinstance(locks, LockManager)

    def test_a_lock_has_one_holder_at_a_time(self, locks: LockManager) -> None:
        assert locks.acquire_lock("a", "one")
        assert locks.is_locked("a")
        assert locks.is_lock_holder("a", "one")
        assert not locks.is_lock_holder("a", "two")
        assert not locks.acquire_lock("a", "two", acquire_timeout=0)
        locks.release_lock("a", "one")
        assert not locks.is_locked("a")
        assert not locks.is_lock_holder("a", "one")
        assert locks.acquire_lock("a", "two", acquire_timeout=0)
        locks.release_lock("a", "two")

    def test_a_holder_gets_its_lock_once_more_and_releases_it_once(self, locks: LockManager) -> None:
        assert locks.acquire_lock("a", "one")
        assert locks.acquire_lock("a", "one", acquire_timeout=0)
        locks.release_lock("a", "one")
        assert not locks.is_locked("a")

    def test_locks_of_different_keys_know_nothing_of_each_other(self, locks: LockManager) -> None:
        keys = ["a", "A", "a/b", "../a", "a" * 300, "ä", "a\0b", "a b", ""]
        for number, key in enumerate(keys):
            assert locks.acquire_lock(key, str(number), acquire_timeout=0)
        for number, key in enumerate(keys):
            locks.release_lock(key, str(number))
            assert not locks.is_locked(key)

    def test_a_lock_is_released_by_its_holder_alone(self, locks: LockManager) -> None:
        with pytest.raises(LockNotHeld):
            locks.release_lock("a", "one")
        locks.acquire_lock("a", "one")
        with pytest.raises(ValueError, match="'two'"):
            locks.release_lock("a", "two")
        assert locks.is_lock_holder("a", "one")
        locks.release_lock("a", "one")

    def test_who_waits_gets_the_lock_when_it_is_released(self, locks: LockManager) -> None:
        locks.acquire_lock("a", "one")
        got: list[bool] = []
        thread = threading.Thread(target=lambda: got.append(locks.acquire_lock("a", "two", SOON)))
        thread.start()
        locks.release_lock("a", "one")
        thread.join()
        assert got == [True]
        assert locks.is_lock_holder("a", "two")
        locks.release_lock("a", "two")

    def test_one_can_wait_for_a_lock_without_taking_it(self, locks: LockManager) -> None:
        assert locks.wait_for_lock("a")
        locks.acquire_lock("a", "one")
        assert not locks.wait_for_lock("a", timeout=0)
        thread = threading.Thread(target=locks.release_lock, args=("a", "one"))
        thread.start()
        assert locks.wait_for_lock("a", timeout=SOON)
        thread.join()
        assert not locks.is_locked("a")

    def test_a_lock_frees_itself_after_its_hold_timeout(self, locks: LockManager) -> None:
        assert locks.acquire_lock("a", "one", hold_timeout=0.01)
        assert locks.acquire_lock("a", "two", acquire_timeout=SOON)
        assert not locks.is_lock_holder("a", "one")
        with pytest.raises(LockNotHeld):
            locks.release_lock("a", "one")
        locks.release_lock("a", "two")

    def test_coroutines_take_turns_and_do_not_block_their_loop(self, locks: LockManager) -> None:
        inside: list[int] = []

        async def work(number: int) -> None:
            assert await locks.aacquire_lock("a", str(number), SOON)
            inside.append(number)
            await asyncio.to_thread(locks.is_locked, "a")
            assert inside == [number]
            inside.clear()
            await asyncio.to_thread(locks.release_lock, "a", str(number))

        async def all_of_them() -> None:
            await asyncio.gather(*(work(number) for number in range(20)))
            assert await locks.await_for_lock("a", SOON)
            assert await locks.aacquire_lock("a", "one", 0)
            assert not await locks.aacquire_lock("a", "two", 0)
            assert not await locks.await_for_lock("a", 0)
            locks.release_lock("a", "one")

        asyncio.run(all_of_them())

    def test_threads_take_turns(self, locks: LockManager) -> None:
        inside, most = [0], [0]

        def work(holder: str) -> None:
            for _ in range(5):
                assert locks.acquire_lock("a", holder, SOON)
                inside[0] += 1
                most[0] = max(most[0], inside[0])
                inside[0] -= 1
                locks.release_lock("a", holder)

        _in_threads([lambda number=number: work(str(number)) for number in range(4)])  # type: ignore[misc]
        assert most == [1]


def _in_threads(jobs: list[Callable[[], None]]) -> None:
    failed: list[BaseException] = []

    def guarded(job: Callable[[], None]) -> None:
        try:
            job()
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=guarded, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
