"""What a server does while nobody asks: it ends leases that are due, and removes what is over."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Self

from strongroom_registry.errors import StrongroomError

from strongroom_service.http.stages import idempotency
from strongroom_service.leases.reaper import Reaper

if TYPE_CHECKING:
    from strongroom_service.service import Service

_log = logging.getLogger("strongroom.service")

INTERVAL_SECONDS = 60.0
_STOP_SECONDS = 10.0


class Housekeeping:
    """The threads of a server that keep its house. Any number of processes can have them.

    :param interval: how many seconds pass between two looks for what is over; leases have their own.
    """

    def __init__(self, service: Service, *, interval: float = INTERVAL_SECONDS) -> None:
        self._chores: dict[str, Callable[[], int]] = {
            "tokens and logins": service.logins.tidy,
            "approvals": service.approvals.tidy,
            "wraps": service.wraps.tidy,
            "idempotency keys": lambda: idempotency.tidy(service),
        }
        self._interval = interval
        self._reaper = Reaper(service.leases.ending)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="housekeeping", daemon=True)
        self._failing: set[str] = set()

    def start(self) -> Self:
        """Begin."""
        self._reaper.start()
        self._thread.start()
        return self

    def stop(self) -> None:
        """End after what is being done now, if that does not take long."""
        self._stop.set()
        self._reaper.stop()
        self._thread.join(_STOP_SECONDS)

    def tidy(self) -> int:
        """Remove what is over; how much. What cannot be removed now stays, and is said once."""
        count = 0
        for name, chore in self._chores.items():
            try:
                count += chore()
            except StrongroomError as error:
                if name not in self._failing:
                    _log.error("What is over of %s cannot be removed now: %s", name, error.problem)
                self._failing.add(name)
            else:
                self._failing.discard(name)
        return count

    def _run(self) -> None:
        while not self._stop.wait(self._interval):
            try:
                self.tidy()
            except Exception as error:
                _log.error("Removing what is over failed with %s.", type(error).__name__)
