"""Many threads that ask the same at once share one request, and none gets an answer from before it asked."""

from __future__ import annotations

import copy
from collections.abc import Callable, Hashable
from threading import Event, Lock
from typing import Generic, TypeVar

T = TypeVar("T")


class _Flight(Generic[T]):
    """One request, and those who wait for what comes of it."""

    def __init__(self) -> None:
        self.done = Event()
        self.value: T | None = None
        self.error: Exception | None = None
        self.landed = False


class _Lane:
    __slots__ = ("next", "runway", "users")

    def __init__(self) -> None:
        self.runway = Lock()
        self.next: _Flight[object] | None = None
        self.users = 0


class Flights(Generic[T]):
    """Who asks while a request is under way waits for the next one, together with all others who do: the answer to a
    request that began before may be older than what the caller knows of. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._lanes: dict[Hashable, _Lane] = {}

    def share(self, key: Hashable, ask: Callable[[], T]) -> T:
        """What ``ask`` gives, here or in another thread that asks for the same ``key``; raises what that raises."""
        while True:
            lane, flight, leads = self._boarded(key)
            try:
                if leads:
                    return self._flown(lane, flight, ask)
                flight.done.wait()
            finally:
                self._left(key, lane)
            if flight.error is not None:
                raise copy.copy(flight.error)
            if flight.landed:
                return flight.value  # type: ignore[return-value]  # it landed, so it is one

    def _boarded(self, key: Hashable) -> tuple[_Lane, _Flight[T], bool]:
        with self._lock:
            lane = self._lanes.setdefault(key, _Lane())
            lane.users += 1
            leads = lane.next is None
            if lane.next is None:
                lane.next = _Flight()
            return lane, lane.next, leads  # type: ignore[return-value]  # lanes of this object carry T

    def _flown(self, lane: _Lane, flight: _Flight[T], ask: Callable[[], T]) -> T:
        try:
            with lane.runway:
                with self._lock:
                    lane.next = None
                flight.value = ask()
                flight.landed = True
                return flight.value
        except Exception as exc:
            flight.error = exc
            raise
        finally:
            with self._lock:
                if lane.next is flight:  # interrupted before it began
                    lane.next = None
            flight.done.set()

    def _left(self, key: Hashable, lane: _Lane) -> None:
        with self._lock:
            lane.users -= 1
            if not lane.users:
                self._lanes.pop(key, None)
