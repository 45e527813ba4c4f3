"""One client a process for each login: opened when it is first needed, and found again by the login's values."""

from __future__ import annotations

import hashlib
import os
import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Generic, TypeVar
from weakref import WeakSet

T = TypeVar("T")

_digest_key = secrets.token_bytes(32)
_pools: WeakSet[ClientPool[Any]] = WeakSet()
_inherited: list[object] = []
"""What the parent process opened, kept unused: to close a connection here could end it for the parent."""


class ClientPool(Generic[T]):
    """What this process has opened, by login. Safe to share between threads, which wait for each other.

    A login with a changed value is another one, so that a new password gets a new client at once; what was not used
    for longest is let go. Logins are told apart by a keyed digest, so that none of their secrets is kept. A forked
    process begins with nothing, as connections cannot be shared with its parent.

    :param at_most: how many are kept.
    :param let_go: called with a client that is let go.
    :param inherited: called in a forked process with each client of its parent's.
    """

    def __init__(
        self,
        at_most: int,
        *,
        let_go: Callable[[T], None] | None = None,
        inherited: Callable[[T], None] | None = None,
    ) -> None:
        self._at_most, self._let_go, self._on_fork = at_most, let_go, inherited
        self._clients: OrderedDict[bytes, T] = OrderedDict()
        self._places: dict[bytes, bytes] = {}
        self._lock = threading.Lock()
        _pools.add(self)

    def get(self, login: object, make: Callable[[], T], *, place: object = None) -> T:
        """The client of a login; the first time, what ``make`` returns, which one thread at a time is asked.

        :param login: values whose ``repr`` says all that makes one login another, secrets in clear.
        :param place: what of the login stays the same when its secret is rotated. A new client of a place lets go the
            one that the former secret had.
        """
        key = _digest(login)
        spot = None if place is None else _digest(place)
        del login  # the frames of an error are shown
        spare: list[T] = []
        with self._lock:
            if key not in self._clients:
                self._clients[key] = make()
                former = None if spot is None else self._places.get(spot)
                if former is not None and former in self._clients:
                    spare.append(self._clients.pop(former))
                if len(self._clients) > self._at_most:
                    spare.append(self._clients.popitem(last=False)[1])
            if spot is not None:
                self._places[spot] = key
            self._clients.move_to_end(key)
            found = self._clients[key]
            if spare:
                self._places = {spot: key for spot, key in self._places.items() if key in self._clients}
        for client in spare:
            if self._let_go is not None:
                self._let_go(client)
        return found

    def clear(self) -> None:
        """Forget all of them, as a new process would."""
        with self._lock:
            self._clients.clear()
            self._places.clear()

    def _after_fork(self) -> None:
        if self._on_fork is not None:
            for client in self._clients.values():
                self._on_fork(client)
        _inherited.append(self._clients)
        self._clients, self._places, self._lock = OrderedDict(), {}, threading.Lock()


def _digest(values: object) -> bytes:
    return hashlib.blake2b(repr(values).encode(), key=_digest_key).digest()


def _after_fork_in_child() -> None:
    for pool in list(_pools):
        pool._after_fork()


os.register_at_fork(after_in_child=_after_fork_in_child)
