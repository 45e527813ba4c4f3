"""Slots of limits for synchronous code::

    with concurrency("database"):           # as many at once as the limit has slots, over all processes
        rows = query()

    rate_limit("crm-api")                   # as often as the limit's slots come back
    call()

Names, parameters and behaviour are those that Prefect 3 documents under "Global concurrency limits".
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from strongroom.concurrency.taking import take_lease
from strongroom.concurrency.turns import turn
from strongroom.concurrency.wishes import Wish, spending
from strongroom.errors import AcquireConcurrencySlotTimeoutError as AcquireConcurrencySlotTimeoutError
from strongroom.errors import ConcurrencySlotAcquisitionError as ConcurrencySlotAcquisitionError
from strongroom.errors import LeaseLost
from strongroom.planting import plant, take_back


@contextmanager
def concurrency(
    names: str | Iterable[str],
    occupy: int = 1,
    timeout_seconds: float | None = None,
    max_retries: int | None = None,
    lease_duration: float = 300,
    strict: bool = False,
    holder: Any = None,
    raise_on_lease_renewal_failure: bool | None = None,
) -> Iterator[None]:
    """Hold slots of limits inside the block, after waiting for them; they are free again at its end, however it ends.

    :param names: of one limit or several; of all of them, slots are taken at once or not at all.
    :param occupy: how many slots to hold of each.
    :param timeout_seconds: how long to wait; for ever where nothing is given.
    :param max_retries: how many times to ask again, once a second; without end where nothing is given.
    :param lease_duration: seconds, 60 or more, after which the slots are free again if this process can no longer be
        reached. Leases are renewed while the block runs; slots of a process that died here are free at once.
    :param strict: raise an error where a limit does not exist. Otherwise that is logged, and it limits nothing.
    :param holder: who holds the slots, a mapping with ``type`` and ``id``; the run around here where nothing is given.
    :param raise_on_lease_renewal_failure: whether to end the block by :class:`~strongroom.errors.LeaseLost` when a
        lease could not be renewed; as ``strict`` where nothing is given. Otherwise that is logged. A call that waits
        outside of Python ends first.
    :raises AcquireConcurrencySlotTimeoutError: a TimeoutError; the slots were not to be had within ``timeout_seconds``.
    :raises ConcurrencySlotAcquisitionError: they never are, or were not in ``max_retries``; or, with ``strict``, one of
        the limits does not exist.
    """
    wish = Wish.of(names, occupy, timeout_seconds, max_retries, lease_duration, strict, holder)
    if not wish.names:
        yield
        return
    raises = strict if raise_on_lease_renewal_failure is None else raise_on_lease_renewal_failure
    loss = _Loss()
    lease = take_lease(wish, loss.tell if raises else None)
    try:
        try:
            yield
        finally:
            loss.stop()
            lease.release()
    except _Lost:
        if not loss.told:
            raise
        raise LeaseLost(
            f"The lease of slots of {', '.join(wish.names)} could not be renewed, so that others may have them now.",
            "Run it again; give raise_on_lease_renewal_failure=False to go on in such a case.",
        ) from None


def rate_limit(
    names: str | Iterable[str], occupy: int = 1, timeout_seconds: float | None = None, strict: bool = False
) -> None:
    """Wait until slots of limits are free, and take them; they come back by themselves, at the limits' slot decay.

    :param names: of one limit or several; of all of them, slots are taken at once or not at all.
    :param occupy: how many slots to take of each.
    :param timeout_seconds: how long to wait; for ever where nothing is given.
    :param strict: raise an error where a limit does not exist. Otherwise that is logged, and it limits nothing.
    :raises AcquireConcurrencySlotTimeoutError: a TimeoutError; the slots were not to be had within ``timeout_seconds``.
    :raises ConcurrencySlotAcquisitionError: they never are: a limit has too few, or no slot decay; or, with ``strict``,
        does not exist.
    """
    wish = Wish.of(names, occupy, timeout_seconds, strict=strict)
    if wish.names:
        with turn(("rate", *wish.line), wish.patience):
            for seconds in spending(wish):
                time.sleep(seconds)


class _Lost(BaseException):
    """Travels through the code that is to end, past every ``except Exception``."""


class _Loss:
    """Ends the code of a thread whose lease is lost, unless it has ended by itself."""

    def __init__(self) -> None:
        self._thread = threading.get_ident()
        self._lock = threading.Lock()
        self._over = self.told = False

    def tell(self) -> None:
        with self._lock:
            if not self._over:
                self.told = True
                plant(self._thread, _Lost)

    def stop(self) -> None:
        with self._lock:
            self._over = True
        if self.told:
            take_back(self._thread)
