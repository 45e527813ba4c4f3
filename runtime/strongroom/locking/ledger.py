"""Locks of all processes that share a ledger: on one machine by SQLite, on several by PostgreSQL."""

from __future__ import annotations

import hashlib
import logging
import os
import threading
from contextlib import suppress
from typing import Any

from strongroom.errors import LedgerProblem, LedgerUnavailable
from strongroom.ledger import Ledger, current_ledger
from strongroom.locking.waiting import Locks, bell
from strongroom.processes import has_ended, this_process

_log = logging.getLogger("strongroom.locks")

AGAIN_SECONDS = 0.5
LEASE_SECONDS = 60
"""How long a lock outlives its holder's last sign of life, where nobody can see that the holder died."""


class LedgerLockManager(Locks):
    """Locks as rows of the ledger, which a thread renews while they are held.

    The lock of a process that died is free at once for processes of its machine, and after a minute for others.
    :param ledger: where they are kept; the ledger in use where nothing is given.
    """

    def __init__(self, ledger: Ledger | None = None) -> None:
        self._given = ledger

    def __reduce__(self) -> tuple[type[LedgerLockManager], tuple[()]]:
        return type(self), ()  # in another process, that of its settings

    @property
    def ledger(self) -> Ledger:
        """Where the locks are kept."""
        return self._given if self._given is not None else current_ledger()

    def take(self, key: str, holder: str, hold_timeout: float | None) -> bool:
        """Give the lock to ``holder`` if it is free, or is the holder's already."""
        ledger, name = self.ledger, _name(key)
        with ledger.changing() as session:
            now = session.now()
            held = _holder(session, name, now)
            if held is not None:
                return held == holder
            until = None if hold_timeout is None else now + int(hold_timeout * 1_000_000)
            session.execute(
                "INSERT INTO locks (key, holder, process, expires, until) VALUES (?, ?, ?, ?, ?) "
                "ON CONFLICT (key) DO UPDATE SET holder = excluded.holder, process = excluded.process, "
                "expires = excluded.expires, until = excluded.until",
                name, holder, this_process(), _lease_end(now), until,
            )  # fmt: skip
        _renewal.keep(ledger, name, holder)
        return True

    def give_back(self, key: str, holder: str) -> bool:
        """Free the lock if ``holder`` has it; as soon as it can be had where the ledger is away."""
        ledger, name = self.ledger, _name(key)
        _renewal.drop(ledger, name, holder)
        try:
            return _freed(ledger, name, holder)
        except LedgerUnavailable as error:
            _log.warning("A lock could not be given back, which is tried again: %s", error)
            _renewal.give_back_later(ledger, name, holder)
            return True

    def holder_of(self, key: str) -> str | None:
        """Who has the lock; None for one that is free."""
        with self.ledger.reading() as session:
            return _holder(session, _name(key), session.now())


def _freed(ledger: Ledger, name: str, holder: str) -> bool:
    with ledger.changing() as session:
        if _holder(session, name, session.now()) != holder:
            return False
        session.execute("DELETE FROM locks WHERE key = ? AND holder = ?", name, holder)
        return True


def _holder(session: Any, name: str, now: int) -> str | None:
    rows = session.execute("SELECT holder, process, expires, until FROM locks WHERE key = ?", name)
    if not rows:
        return None
    holder, process, expires, until = rows[0]
    ended = has_ended(process)
    gone = expires <= now if ended is None else ended
    return None if gone or (until is not None and until <= now) else str(holder)


def _lease_end(now: int) -> int:
    return now + int(LEASE_SECONDS * 1_000_000)


def _name(key: str) -> str:
    """The key, or the hash of one that no database takes as it is."""
    data = key.encode("utf-8", "surrogatepass")
    return key if len(data) <= 200 and key.isprintable() else hashlib.sha256(data).hexdigest()


class _Renewal:
    """A thread that renews the leases of all locks that this process holds, for as long as it holds any.

    Locks that could not be given back while the ledger was away are given back by it.
    """

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Begin with nothing, as a forked child does: it holds none of its parent's locks."""
        self._changed = threading.Condition()
        self._held: dict[tuple[str, str], Ledger] = {}
        self._owed: dict[tuple[str, str], Ledger] = {}
        self._running = False

    def keep(self, ledger: Ledger, name: str, holder: str) -> None:
        self._work_on(self._held, ledger, name, holder)

    def give_back_later(self, ledger: Ledger, name: str, holder: str) -> None:
        self._work_on(self._owed, ledger, name, holder)

    def _work_on(self, locks: dict[tuple[str, str], Ledger], ledger: Ledger, name: str, holder: str) -> None:
        with self._changed:
            locks[name, holder] = ledger
            self._changed.notify_all()
            if not self._running:
                self._running = True
                threading.Thread(target=self._renew, name="strongroom-locks", daemon=True).start()

    def drop(self, ledger: Ledger, name: str, holder: str) -> None:
        with self._changed:
            self._held.pop((name, holder), None)
            self._changed.notify_all()

    def _renew(self) -> None:
        while True:
            with self._changed:
                if self._owed:
                    self._changed.wait(AGAIN_SECONDS)
                else:
                    self._changed.wait_for(lambda: self._owed or not self._held, LEASE_SECONDS / 3)
                if not (self._held or self._owed):
                    self._running = False
                    return
                held, owed = list(self._held.items()), list(self._owed.items())
            for (name, holder), ledger in owed:
                with suppress(LedgerProblem):
                    _freed(ledger, name, holder)
                    with self._changed:
                        del self._owed[name, holder]
                    bell.ring()
            for (name, holder), ledger in held:
                try:
                    with ledger.changing() as session:
                        session.execute(
                            "UPDATE locks SET expires = ? WHERE key = ? AND holder = ?",
                            _lease_end(session.now()), name, holder,
                        )  # fmt: skip
                except LedgerProblem:
                    continue  # the next time, before the lease is over


_renewal = _Renewal()
os.register_at_fork(after_in_child=_renewal.forget)
