"""What somebody asks of limits, checked; and how it becomes a lease, or an error. Nothing here waits."""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import Generator, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from strongroom_blocks.redaction import redactor

from strongroom.concurrency import slots
from strongroom.context import TaskRunContext, current_run
from strongroom.errors import (
    AcquireConcurrencySlotTimeoutError,
    ConcurrencySlotAcquisitionError,
    InvalidLimit,
    LedgerUnavailable,
)
from strongroom.ledger import Session, current_ledger
from strongroom.processes import this_process

SHORTEST_LEASE_SECONDS = 60.0
RETRY_SECONDS = 1.0
"""What ``max_retries`` counts. Slots are asked for more often than that, so that none stays free for long."""
LOOK_SECONDS = 0.5
"""How long ``rate_limit`` sleeps at most, since a limit may be changed meanwhile."""


@dataclass(frozen=True, slots=True)
class Wish:
    """So many slots of each of these limits.

    :param names: of the limits, sorted, each once.
    :param strict: whether all of them have to exist.
    :param tells: whether to log which do not.
    """

    names: tuple[str, ...]
    occupy: int
    timeout_seconds: float | None
    max_retries: int | None = None
    lease_seconds: float = 300.0
    strict: bool = False
    holder: str = "{}"
    tells: bool = True

    @classmethod
    def of(
        cls,
        names: str | Iterable[str],
        occupy: int,
        timeout_seconds: float | None,
        max_retries: int | None = None,
        lease_seconds: float = 300.0,
        strict: bool = False,
        holder: Any = None,
    ) -> Wish:
        """A wish in the words of ``concurrency(…)``. Raises :class:`~strongroom.errors.InvalidLimit`."""
        found = (names,) if isinstance(names, str) else tuple(sorted(set(names)))
        if isinstance(occupy, bool) or not isinstance(occupy, int) or occupy < 1:
            raise InvalidLimit(f"{occupy!r:.40} slots cannot be occupied.", "Give a whole number, 1 or more.")
        if not SHORTEST_LEASE_SECONDS <= lease_seconds < math.inf:
            raise InvalidLimit(
                f"A lease_duration of {lease_seconds:g} seconds cannot be.",
                f"Give {SHORTEST_LEASE_SECONDS:g} or more: leases are renewed for as long as they are held.",
            )
        shown = json.dumps(_holder(holder))
        return cls(found, occupy, timeout_seconds, max_retries, float(lease_seconds), strict, shown)

    @property
    def line(self) -> tuple[object, ...]:
        """What those have in common who wait for the same."""
        return (self.names, self.occupy)

    @property
    def patience(self) -> float | None:
        """How many seconds to wait; None for as long as it takes."""
        retrying = None if self.max_retries is None else max(0, self.max_retries) * RETRY_SECONDS
        given = [seconds for seconds in (self.timeout_seconds, retrying) if seconds is not None]
        return max(0.0, min(given)) if given else None

    def refusal(self) -> Exception:
        """What to raise where patience ran out."""
        what = f"{_listed(self.names)} had no {self.occupy} {'slot' if self.occupy == 1 else 'slots'} to spare"
        remedy = "Wait longer, occupy fewer, or see who has them: strongroom concurrency inspect"
        timeout = self.timeout_seconds
        if timeout is None or self.patience != max(0.0, timeout):
            return ConcurrencySlotAcquisitionError(f"{what} in {self.max_retries} retries.", remedy)
        return AcquireConcurrencySlotTimeoutError(f"{what} within {timeout:g} second(s).", remedy)

    def check(self, granted: slots.Granted) -> None:
        """Say which limits do not exist, or refuse to go on without them where the wish is strict."""
        if not granted.missing:
            return
        problem = f"There is no limit {_listed(granted.missing)}"
        if self.strict:
            raise ConcurrencySlotAcquisitionError(f"{problem}.", "Create it first: strongroom concurrency create")
        if self.tells:
            logger().warning("%s, so that nothing is limited by it.", problem)


class Asking:
    """One attempt after another to have a wish fulfilled by a lease."""

    def __init__(self, wish: Wish) -> None:
        self.wish = wish
        self.ledger = current_ledger()
        self.lease = uuid4().hex
        self.short: tuple[str, ...] = ()
        self._given_up = self._answered = self._told = False
        self._request = slots.Request(
            wish.names, wish.occupy, self.lease, round(wish.lease_seconds * slots.MICROS), wish.holder, this_process()
        )

    def __call__(self, session: Session) -> slots.Granted | None:
        """Ask once: what was granted, or None where too few slots are free, of the limits ``short``."""
        if self._given_up:
            return None
        answer = slots.take(session, self._request, session.now())
        self._answered = True
        if isinstance(answer, slots.Granted):
            if self.wish.strict and answer.missing:
                self.wish.check(answer)
            return answer
        self.short = answer.names
        return None

    def bear(self, error: LedgerUnavailable, left: float | None) -> None:
        """The ledger could not be reached: go on asking where it answered before and there is time, else raise that."""
        if not self._answered or left == 0:
            raise error
        if not self._told:
            self._told = True
            logger().warning("Waiting for slots of %s goes on: %s", _listed(self.wish.names), error)

    def give_up(self) -> None:
        """Whoever asked does not want it any more, though a thread may be asking yet: grant nothing from now on.

        Transactions follow each other: one that takes after this looks at the mark; what one before took is to be given
        back in a later one.
        """
        self._given_up = True


def spending(wish: Wish) -> Generator[float, None, None]:
    """Take slots that come back by decay; yields how many seconds to wait before the next step, until it ends.

    Raises :class:`~strongroom.errors.AcquireConcurrencySlotTimeoutError` and
    :class:`~strongroom.errors.ConcurrencySlotAcquisitionError`.
    """
    ledger, patience = current_ledger(), wish.patience
    due = math.inf if patience is None else time.monotonic() + patience
    while True:
        with ledger.changing() as session:
            answer = slots.spend(session, wish.names, wish.occupy, session.now())
            if isinstance(answer, slots.Granted) and wish.strict:
                wish.check(answer)
        if isinstance(answer, slots.Granted):
            if not wish.strict:
                wish.check(answer)
            return
        left = due - time.monotonic()
        if left <= 0:
            raise wish.refusal()
        yield min(answer.seconds or LOOK_SECONDS, LOOK_SECONDS, left)


def logger() -> Any:
    """The log of the run around here, or that of limits outside of runs."""
    run = current_run()
    if run is None:
        return logging.getLogger("strongroom.concurrency")
    from strongroom.logging import get_run_logger

    return get_run_logger(run)


def _holder(given: Any) -> dict[str, str]:
    """Who wants the slots: what was given with a ``type`` and an ``id``, else the run around here."""
    if given is None:
        run = current_run()
        if run is None:
            return {}
        return {"type": "task_run" if isinstance(run, TaskRunContext) else "flow_run", "id": str(run.id)}
    known = given if isinstance(given, Mapping) else {name: getattr(given, name, "") for name in ("type", "id")}
    return {str(name): redactor.redact(str(value)) for name, value in known.items()}


def _listed(names: Iterable[str]) -> str:
    return ", ".join(repr(name) for name in names)
