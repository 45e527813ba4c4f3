"""Slots of limits for asynchronous code, which goes on while it waits::

    async with concurrency("database"):
        rows = await query()

    await rate_limit("crm-api")

See :mod:`strongroom.concurrency.sync` for what they do.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any, cast

from strongroom.concurrency.taking import atake_lease
from strongroom.concurrency.turns import aturn
from strongroom.concurrency.wishes import Wish, spending
from strongroom.errors import AcquireConcurrencySlotTimeoutError as AcquireConcurrencySlotTimeoutError
from strongroom.errors import ConcurrencySlotAcquisitionError as ConcurrencySlotAcquisitionError
from strongroom.errors import LeaseLost


@asynccontextmanager
async def concurrency(
    names: str | Iterable[str],
    occupy: int = 1,
    timeout_seconds: float | None = None,
    max_retries: int | None = None,
    lease_duration: float = 300,
    strict: bool = False,
    holder: Any = None,
    raise_on_lease_renewal_failure: bool | None = None,
) -> AsyncIterator[None]:
    """:func:`strongroom.concurrency.sync.concurrency` for asynchronous code: the same parameters, the same errors."""
    wish = Wish.of(names, occupy, timeout_seconds, max_retries, lease_duration, strict, holder)
    if not wish.names:
        yield
        return
    raises = strict if raise_on_lease_renewal_failure is None else raise_on_lease_renewal_failure
    loss = _Loss()
    lease = await atake_lease(wish, loss.tell if raises else None)
    try:
        try:
            yield
        finally:
            loss.over = True
            await asyncio.shield(asyncio.to_thread(lease.release))
    except asyncio.CancelledError:
        if not loss.told or loss.task.uncancel():
            raise
        raise LeaseLost(
            f"The lease of slots of {', '.join(wish.names)} could not be renewed, so that others may have them now.",
            "Run it again; give raise_on_lease_renewal_failure=False to go on in such a case.",
        ) from None


async def rate_limit(
    names: str | Iterable[str], occupy: int = 1, timeout_seconds: float | None = None, strict: bool = False
) -> None:
    """:func:`strongroom.concurrency.sync.rate_limit` for asynchronous code: the same parameters, the same errors."""
    wish = Wish.of(names, occupy, timeout_seconds, strict=strict)
    if not wish.names:
        return
    steps = spending(wish)
    async with aturn(("rate", *wish.line), wish.patience):
        while (seconds := await asyncio.to_thread(next, steps, None)) is not None:
            await asyncio.sleep(seconds)


class _Loss:
    """Cancels the coroutine whose lease is lost, unless it has ended by itself."""

    def __init__(self) -> None:
        self.task = cast("asyncio.Task[Any]", asyncio.current_task())
        self.over = self.told = False
        self._loop = asyncio.get_running_loop()

    def tell(self) -> None:
        self._loop.call_soon_threadsafe(self._cancel)

    def _cancel(self) -> None:
        if not self.over:
            self.told = True
            self.task.cancel()
