"""Limits of tags: a task run with a tag that has one waits for a slot of each such limit before it is Running.

What tags have a limit is asked once in some seconds, and known for all tasks of the process meanwhile. A run whose tags
have none takes no part in any of this.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Collection
from dataclasses import replace

from strongroom.concurrency.leases import Lease
from strongroom.concurrency.taking import atake_lease, lease_of, take_lease
from strongroom.concurrency.turns import is_waited_for
from strongroom.concurrency.wishes import Asking, Wish
from strongroom.errors import LedgerProblem
from strongroom.ledger import current_ledger
from strongroom.ledger.current import chosen_ledger, ledger_is_there

PREFIX = "tag:"
FRESH_SECONDS = 5.0
"""How long a process may not know of a limit that another one made."""

_log = logging.getLogger("strongroom.concurrency")
_known: tuple[float, object, frozenset[str]] = (0.0, None, frozenset())


def forget() -> None:
    """Ask the ledger anew: a limit was changed."""
    global _known
    _known = (0.0, None, frozenset())


def may_be_limited(tags: Collection[str]) -> bool:
    """Whether a run with these tags has to look for slots. Costs next to nothing, and looks at no database."""
    until, ledger, limited = _known
    if time.monotonic() >= until or ledger is not chosen_ledger():
        return True
    return not limited.isdisjoint(tags)


def limited(tags: Collection[str]) -> list[str]:
    """Those of the tags that have a limit. Where that cannot be found out, none has, and a warning is logged."""
    global _known
    until, ledger, known = _known
    if time.monotonic() >= until or ledger is not chosen_ledger():
        known = _asked()
        _known = (time.monotonic() + FRESH_SECONDS, chosen_ledger(), known)
    return sorted(known.intersection(tags))


def _asked() -> frozenset[str]:
    try:
        if not ledger_is_there():
            return frozenset()
        with current_ledger().reading() as session:
            rows = session.execute(
                "SELECT name FROM concurrency_limits WHERE active = 1 AND substr(name, 1, 4) = ?", PREFIX
            )
    except (LedgerProblem, OSError) as error:
        _log.warning("Limits of tags cannot be read, so that none holds just now: %s", error)
        return frozenset()
    return frozenset(name.removeprefix(PREFIX) for (name,) in rows)


class TagSlots:
    """The slots that one task run needs for its tags, and has while it is Running."""

    __slots__ = ("_lease", "_tags")

    def __init__(self, tags: Collection[str]) -> None:
        self._tags = tags
        self._lease: Lease | None = None

    def try_occupy(self) -> str:
        """Take the slots if they are free: "" where it has them, or needs none, else the tags to wait for.

        Raises :class:`~strongroom.errors.ConcurrencySlotAcquisitionError` where the limit of a tag is 0.
        """
        wish = self._wish()
        if not wish.names:
            return ""
        asking = Asking(wish)
        if not is_waited_for(wish.line):
            with asking.ledger.changing() as session:
                granted = asking(session)
            if granted is not None:
                self._lease = lease_of(asking, granted, None)
                return ""
        return ", ".join(name.removeprefix(PREFIX) for name in asking.short or wish.names)

    def occupy(self) -> None:
        """Wait for the slots."""
        self._lease = take_lease(self._wish())

    async def aoccupy(self) -> None:
        """:meth:`occupy` for asynchronous runs."""
        self._lease = await atake_lease(self._wish())

    def vacate(self) -> None:
        """Give back what it has."""
        lease, self._lease = self._lease, None
        if lease is not None:
            lease.release()

    def _wish(self) -> Wish:
        names = [f"{PREFIX}{tag}" for tag in limited(self._tags)]
        return replace(Wish.of(names, 1, None), tells=False)  # a limit may be deleted since it was asked about
