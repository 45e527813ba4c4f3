"""From a wish to a lease, in both colours; they differ in how they wait, nothing else."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from strongroom_registry.errors import StrongroomError

from strongroom.concurrency.leases import Lease, renewals
from strongroom.concurrency.slots import Granted
from strongroom.concurrency.turns import aturn, turn
from strongroom.concurrency.wishes import Asking, Wish, logger
from strongroom.errors import LedgerUnavailable
from strongroom.ledger import await_until, wait_until

AGAIN_SECONDS = 0.5
"""How long to leave a ledger alone that could not be reached."""

Left = Callable[[], float | None]
"""How many seconds are left to wait; None where there is no end to them."""


def take_lease(wish: Wish, lost: Callable[[], None] | None = None) -> Lease:
    """Wait for the slots of a wish; they are renewed until the lease is released.

    :param lost: called in another thread when the lease could not be renewed; where None, a warning is logged.
    :raises AcquireConcurrencySlotTimeoutError: not within ``timeout_seconds``.
    :raises ConcurrencySlotAcquisitionError: not within ``max_retries``, never, or a limit that has to exist does not.
    """
    asking, left = Asking(wish), _countdown(wish)
    try:
        with turn(wish.line, left()):
            granted = _wait(asking, left)
    except StrongroomError:
        raise
    except BaseException:
        _give_up(asking)
        raise
    return lease_of(asking, granted, lost)


async def atake_lease(wish: Wish, lost: Callable[[], None] | None = None) -> Lease:
    """:func:`take_lease` for asynchronous code."""
    asking, left = Asking(wish), _countdown(wish)
    try:
        async with aturn(wish.line, left()):
            granted = await _await(asking, left)
    except StrongroomError:
        raise
    except BaseException:
        await asyncio.shield(asyncio.to_thread(_give_up, asking))
        raise
    return lease_of(asking, granted, lost)


def _wait(asking: Asking, left: Left) -> Granted | None:
    while True:
        try:
            return wait_until(asking, left())
        except LedgerUnavailable as error:
            asking.bear(error, left())
            time.sleep(AGAIN_SECONDS)


async def _await(asking: Asking, left: Left) -> Granted | None:
    while True:
        try:
            return await await_until(asking, left())
        except LedgerUnavailable as error:
            asking.bear(error, left())
            await asyncio.sleep(AGAIN_SECONDS)


def lease_of(asking: Asking, granted: Granted | None, lost: Callable[[], None] | None) -> Lease:
    """The lease that the ledger granted, renewed from now on; raises what the wish has to say where it did not."""
    wish = asking.wish
    if granted is None:
        raise wish.refusal()
    wish.check(granted)
    log = logger()

    def warn() -> None:
        log.warning("The lease of slots of %s could not be renewed: others may have them now.", ", ".join(wish.names))

    lease = Lease(asking.lease if granted.names else "", wish.lease_seconds, asking.ledger, lost or warn)
    renewals.keep(lease)
    return lease


def _countdown(wish: Wish) -> Left:
    patience = wish.patience
    if patience is None:
        return lambda: None
    due = time.monotonic() + patience
    return lambda: max(0.0, due - time.monotonic())


def _give_up(asking: Asking) -> None:
    asking.give_up()
    Lease(asking.lease, asking.wish.lease_seconds, asking.ledger, lambda: None).release()
