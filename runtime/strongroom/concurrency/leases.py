"""Leases that this process holds: one thread renews them all, and tells who could not be helped.

A lease is renewed when half of its time is over. Where the ledger cannot be reached it is tried again until the time is
over: only then is the lease lost, and so it is where somebody reset the limit. What cannot be given back is tried
again too, since a process that lives keeps what it has.
"""

from __future__ import annotations

import heapq
import itertools
import logging
import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from strongroom.concurrency.slots import MICROS, give_back, renew
from strongroom.ledger import Ledger

AGAIN_SECONDS = 5.0
"""How long to wait before slots that could not be given back are given back again."""

_log = logging.getLogger("strongroom.concurrency")


class Lease:
    """Slots that this process holds.

    :param id: the lease's id in the ledger; "" where no limit was there to give any.
    :param seconds: how long it is good for without being renewed.
    :param lost: called, in another thread, when somebody else may have the slots by now.
    """

    __slots__ = ("due", "ends", "given_back", "id", "ledger", "lost", "over", "pid", "seconds")

    def __init__(self, id: str, seconds: float, ledger: Ledger, lost: Callable[[], None]) -> None:
        self.id = id
        self.seconds = seconds
        self.ledger = ledger
        self.lost = lost
        self.over = self.given_back = not id
        self.pid = os.getpid()
        self.extend()

    def extend(self) -> None:
        """It was taken, or renewed, just now."""
        now = time.monotonic()
        self.due, self.ends = now + self.seconds / 2, now + self.seconds

    def release(self) -> None:
        """Give the slots back. Never raises: where that fails, it is tried again as long as this process lives."""
        if self.over or self.pid != os.getpid():  # a forked process has not got what its parent has
            return
        self.over = True
        error = self.give_back()
        if error is not None:
            _log.warning("Slots could not be given back, which is tried again: %s", error)
            renewals.keep(self)

    def give_back(self) -> Exception | None:
        """Try to give the slots back; where that fails, be due again soon, and give why."""
        try:
            with self.ledger.changing() as session:
                give_back(session, self.id)
        except Exception as error:
            self.due = time.monotonic() + AGAIN_SECONDS
            return error
        self.given_back = True
        return None


class Renewals:
    """The thread that renews leases; it begins with the first one, anew in a forked process."""

    def __init__(self) -> None:
        self._queue: list[tuple[float, int, Lease]] = []
        self._numbers = itertools.count()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def keep(self, lease: Lease) -> None:
        """Renew ``lease`` from now on until it is over."""
        if lease.given_back:
            return
        with self._changed:
            number = next(self._numbers)
            if len(self._queue) > 64 and number % 64 == 0:
                self._queue = [entry for entry in self._queue if not entry[2].given_back]
                heapq.heapify(self._queue)
            heapq.heappush(self._queue, (lease.due, number, lease))
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="strongroom-leases", daemon=True)
                self._thread.start()
            if self._queue[0][2] is lease:
                self._changed.notify()

    def forget(self) -> None:
        """A forked process holds nothing of its parent's."""
        self._queue, self._changed, self._thread = [], threading.Condition(), None

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._queue or self._queue[0][0] > time.monotonic():
                    self._changed.wait(self._queue[0][0] - time.monotonic() if self._queue else None)
                lease = heapq.heappop(self._queue)[2]
            self.renew(lease)
            self.keep(lease)

    def renew(self, lease: Lease) -> None:
        """Renew a lease now: it is over where that fails for good, and due again soon where it may yet succeed."""
        if lease.over:
            if not lease.given_back:
                lease.give_back()
            return
        try:
            with lease.ledger.changing() as session:
                renewed = renew(session, lease.id, round(lease.seconds * MICROS), session.now())
        except Exception as error:
            if time.monotonic() < lease.ends:
                lease.due = time.monotonic() + lease.seconds / 20
                _log.warning("A lease of slots could not be renewed, and is tried again: %s", error)
                return
            renewed = False
        if renewed:
            lease.extend()
        elif not lease.over:  # it was not given back meanwhile
            lease.over = lease.given_back = True
            with suppress(Exception):
                lease.lost()


renewals = Renewals()
"""Those of this process."""
os.register_at_fork(after_in_child=renewals.forget)
