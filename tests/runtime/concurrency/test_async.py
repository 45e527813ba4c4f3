"""``concurrency`` and ``rate_limit`` in asynchronous code, which goes on while it waits."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from strongroom.concurrency import sync, taking
from strongroom.concurrency.asyncio import AcquireConcurrencySlotTimeoutError, concurrency, rate_limit
from strongroom.concurrency.leases import renewals
from strongroom.concurrency.limits import acreate_limit, aread_limit, create_limit, read_limit, reset_limit
from strongroom.concurrency.wishes import Asking
from strongroom.errors import LeaseLost, LedgerUnavailable
from strongroom.ledger import Ledger, waiting


def test_as_many_coroutines_as_there_are_slots(each_ledger: Ledger) -> None:
    inside = most = 0

    async def work() -> None:
        nonlocal inside, most
        async with concurrency("database"):
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0)
            inside -= 1

    async def main() -> None:
        await acreate_limit(name="database", limit=2)
        await asyncio.gather(*(work() for _ in range(12)))
        assert (await aread_limit("database")).active_slots == 0

    asyncio.run(main())
    assert 1 <= most <= 2


def test_the_loop_goes_on_while_somebody_waits(each_ledger: Ledger) -> None:
    create_limit("database", 1)

    async def main() -> list[str]:
        order = []

        async def waiter() -> None:
            async with concurrency("database", timeout_seconds=60):
                order.append("waiter")

        async with concurrency("database"):
            waiting = asyncio.create_task(waiter())
            for _ in range(50):
                await asyncio.sleep(0)
            order.append("holder")
        await waiting
        return order

    assert asyncio.run(main()) == ["holder", "waiter"]


def test_who_waits_is_woken_when_slots_are_given_back_here(
    each_ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "SHORTEST_SECONDS", 3600.0)
    monkeypatch.setattr(waiting, "LONGEST_SECONDS", 3600.0)
    create_limit("database", 1)

    async def main() -> None:
        async def waiter() -> None:
            async with concurrency("database"):
                pass

        async with asyncio.timeout(120):
            async with concurrency("database"):
                others = [asyncio.create_task(waiter()) for _ in range(3)]
                await asyncio.sleep(0)
            await asyncio.gather(*others)

    asyncio.run(main())


def test_patience_ends(each_ledger: Ledger) -> None:
    create_limit("database", 1)

    async def main() -> None:
        async with concurrency("database"):
            with pytest.raises(AcquireConcurrencySlotTimeoutError):
                await concurrency("database", timeout_seconds=0.01).__aenter__()

    asyncio.run(main())


@pytest.mark.parametrize("steps", [0, 1, 2, 5, 50])
def test_who_is_cancelled_while_waiting_takes_nothing(steps: int, each_ledger: Ledger) -> None:
    create_limit("database", 1)

    async def main() -> None:
        async def waiter() -> None:
            async with concurrency("database"):
                await asyncio.Event().wait()

        waiting = asyncio.create_task(waiter())
        for _ in range(steps):
            await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    asyncio.run(main())
    assert read_limit("database").active_slots == 0


def test_a_rate(each_ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    create_limit("api", 2, slot_decay_per_second=0.01)
    naps: list[float] = []
    pause = asyncio.sleep

    async def nap(seconds: float) -> None:
        naps.append(seconds)
        reset_limit("api")
        await pause(0)

    async def main() -> None:
        monkeypatch.setattr("strongroom.concurrency.asyncio.asyncio.sleep", nap)
        await asyncio.gather(*(rate_limit("api") for _ in range(3)))

    asyncio.run(main())
    assert len(naps) == 1


def test_strict_code_ends_when_its_lease_is_lost(each_ledger: Ledger) -> None:
    create_limit("database", 1)

    async def main() -> None:
        async with concurrency("database", strict=True):
            reset_limit("database")
            [lease] = [each for _, _, each in renewals._queue if each.ledger is each_ledger and not each.over]
            threading.Thread(target=renewals.renew, args=[lease]).start()
            await asyncio.Event().wait()

    with pytest.raises(LeaseLost):
        asyncio.run(main())


def test_who_waits_outlasts_a_ledger_that_is_away(each_ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    create_limit("database", 1)
    monkeypatch.setattr(taking, "AGAIN_SECONDS", 0)
    real, calls = each_ledger.changing, iter(range(10**9))

    def changing() -> Any:
        if next(calls) == 1:
            raise LedgerUnavailable("The ledger is away.", "Wait.")
        return real()

    async def main() -> None:
        holder = sync.concurrency("database")
        holder.__enter__()
        bear = Asking.bear

        def bears(asking: Asking, error: LedgerUnavailable, left: float | None) -> None:
            bear(asking, error, left)
            holder.__exit__(None, None, None)

        monkeypatch.setattr(Asking, "bear", bears)
        monkeypatch.setattr(each_ledger, "changing", changing)
        async with asyncio.timeout(120), concurrency("database"):
            assert next(calls) >= 3

    asyncio.run(main())
