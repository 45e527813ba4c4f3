"""The accounts of limits against a model of them: whatever happens, in whatever order, no slot is given twice."""

from __future__ import annotations

import math
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from strongroom.concurrency import slots
from strongroom.concurrency.limits import create_limit, read_limit, reset_limit, update_limit
from strongroom.concurrency.slots import MICROS, Granted, Later, Request
from strongroom.errors import ConcurrencySlotAcquisitionError
from strongroom.ledger import set_current_ledger
from strongroom.ledger.sqlite import MemoryLedger
from strongroom.processes import this_process

LIVING = this_process()
DEAD = LIVING.rpartition("/")[0] + "/0"  # this process's number, when another process had it
ELSEWHERE = "7@elsewhere@boot/pid/9"
NAMES = ("a", "b", "rated")


class Clocked:
    """A session whose clock is the test's."""

    def __init__(self, session: Any, micros: int) -> None:
        self.execute = session.execute
        self._micros = micros

    def now(self) -> int:
        return self._micros


class ClockedLedger(MemoryLedger):
    """A ledger in memory whose clock is the test's."""

    micros = 1_700_000_000 * MICROS

    @contextmanager
    def changing(self) -> Iterator[Any]:
        with super().changing() as session:
            yield Clocked(session, self.micros)


@dataclass
class ModelLease:
    names: tuple[str, ...]
    occupy: int
    process: str
    expires: int


class Slots(RuleBasedStateMachine):
    """What leases there are, and what was spent, kept twice."""

    @initialize(limits=st.lists(st.integers(0, 4), min_size=3, max_size=3), decay=st.sampled_from([0.25, 1.0, 3.0]))
    def make(self, limits: list[int], decay: float) -> None:
        self.ledger = ClockedLedger()
        set_current_ledger(self.ledger)
        self.limits = dict(zip(NAMES, limits, strict=True))
        self.active = dict.fromkeys(NAMES, True)
        self.decay, self.taken, self.settled = decay, 0.0, self.ledger.micros
        self.leases: dict[str, ModelLease] = {}
        for name, limit in self.limits.items():
            create_limit(name, limit, decay if name == "rated" else 0.0)

    def teardown(self) -> None:
        set_current_ledger(None)

    @property
    def spent(self) -> float:
        """A clock that is set back makes slots come back later, and none twice."""
        return max(0.0, self.taken - self.decay * max(0, self.ledger.micros - self.settled) / MICROS)

    def settle(self, spent: float) -> None:
        self.taken, self.settled = spent, self.ledger.micros

    def leased(self, name: str) -> int:
        return sum(lease.occupy for lease in self.leases.values() if name in lease.names)

    def free(self, name: str) -> float:
        return self.limits[name] - self.leased(name) - (self.spent if name == "rated" else 0.0)

    def has_ended(self, lease: ModelLease) -> bool:
        return lease.process == DEAD or (lease.process == ELSEWHERE and lease.expires <= self.ledger.micros)

    @rule(
        names=st.lists(st.sampled_from([*NAMES, "missing"]), min_size=1, max_size=3, unique=True),
        occupy=st.integers(1, 4),
        seconds=st.sampled_from([60, 300]),
        process=st.sampled_from([LIVING, LIVING, DEAD, ELSEWHERE]),
    )
    def take(self, names: list[str], occupy: int, seconds: int, process: str) -> None:
        request = Request(tuple(names), occupy, uuid.uuid4().hex, seconds * MICROS, "{}", process)
        held = [name for name in names if self.active.get(name)]
        with self.ledger.changing() as session:
            if any(self.limits[name] < occupy for name in held):
                with pytest.raises(ConcurrencySlotAcquisitionError):
                    slots.take(session, request, session.now())
                return
            answer = slots.take(session, request, session.now())
        self.forget_the_ended([name for name in held if self.free(name) + 1e-9 < occupy])
        if all(self.free(name) + 1e-9 >= occupy for name in held):
            assert answer == Granted(tuple(held), tuple(name for name in names if name == "missing"))
            self.leases[request.lease] = ModelLease(tuple(held), occupy, process, session.now() + request.duration)
        else:
            assert answer == Later(tuple(name for name in held if self.free(name) + 1e-9 < occupy))

    def forget_the_ended(self, short: list[str]) -> None:
        self.leases = {
            id: lease for id, lease in self.leases.items() if not (self.has_ended(lease) and {*short} & {*lease.names})
        }

    @rule(occupy=st.integers(1, 4))
    def spend(self, occupy: int) -> None:
        with self.ledger.changing() as session:
            if self.active["rated"] and self.limits["rated"] < occupy:
                with pytest.raises(ConcurrencySlotAcquisitionError):
                    slots.spend(session, ("rated",), occupy, session.now())
                return
            answer = slots.spend(session, ("rated",), occupy, session.now())
        if not self.active["rated"]:
            assert answer == Granted((), ())
            return
        self.forget_the_ended(["rated"] if self.free("rated") + 1e-9 < occupy else [])
        if self.free("rated") + 1e-9 >= occupy:
            assert answer == Granted(("rated",), ())
            self.settle(self.spent + occupy)
        else:
            assert isinstance(answer, Later)
            if self.limits["rated"] - self.leased("rated") >= occupy:
                assert answer.seconds == pytest.approx((occupy - self.free("rated")) / self.decay, rel=1e-3, abs=1e-3)

    @rule(data=st.data())
    def give_back(self, data: st.DataObject) -> None:
        lease = data.draw(st.sampled_from([*self.leases, "unknown"]))
        known = self.leases.pop(lease, None)
        with self.ledger.changing() as session:
            there = slots.give_back(session, lease)
        assert there == (known is not None and bool(known.names))

    @rule(data=st.data(), seconds=st.sampled_from([60, 300]))
    def renew(self, data: st.DataObject, seconds: int) -> None:
        lease = data.draw(st.sampled_from([*self.leases, "unknown"]))
        known = self.leases.get(lease)
        with self.ledger.changing() as session:
            renewed = slots.renew(session, lease, seconds * MICROS, session.now())
        assert renewed == (known is not None and bool(known.names))
        if renewed and known is not None:
            known.expires = self.ledger.micros + seconds * MICROS

    @rule(seconds=st.sampled_from([0.0, 0.3, 1.0, 45.0, 61.0, 400.0, -5.0]))
    def time_goes_on(self, seconds: float) -> None:
        self.ledger.micros += round(seconds * MICROS)

    @rule(name=st.sampled_from(NAMES), limit=st.integers(0, 4))
    def change_limit(self, name: str, limit: int) -> None:
        self.limits[name] = limit
        if name == "rated":
            self.settle(self.spent)
        assert update_limit(name, limit=limit).limit == limit

    @rule(name=st.sampled_from(NAMES), active=st.booleans())
    def switch(self, name: str, active: bool) -> None:
        self.active[name] = active
        if name == "rated":
            self.settle(self.spent)
        update_limit(name, active=active)

    @rule(name=st.sampled_from(NAMES))
    def reset(self, name: str) -> None:
        reset_limit(name)
        for lease in self.leases.values():
            lease.names = tuple(other for other in lease.names if other != name)
        if name == "rated":
            self.settle(0.0)

    @invariant()
    def the_books_agree(self) -> None:
        if not hasattr(self, "ledger"):
            return
        for name in NAMES:
            with self.ledger.reading() as session:
                found = slots.account(session, name, session.now())
            assert found is not None
            assert found.leased == self.leased(name) >= 0
            assert found.spent >= 0
            assert found.spent == pytest.approx(self.spent if name == "rated" else 0.0, abs=1e-3)
            ended = sum(each.occupy for each in self.leases.values() if name in each.names and self.has_ended(each))
            assert read_limit(name).active_slots == found.leased - ended + math.ceil(found.spent)


TestSlots = Slots.TestCase
TestSlots.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
