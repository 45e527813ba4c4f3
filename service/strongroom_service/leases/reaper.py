"""The threads that end leases while a server runs."""

from __future__ import annotations

import logging
import threading
import time
from types import TracebackType
from typing import Self

from strongroom_registry.errors import StrongroomError

from strongroom_service.leases.ending import Ending

_log = logging.getLogger("strongroom.service")

THREADS = 2
"""One system that does not answer does not keep the leases of all others waiting."""
INTERVAL_SECONDS = 5.0
_STOP_SECONDS = 10.0


class Reaper:
    """Ends the leases that are due, as long as it runs. Any number of processes can have one.

    :param interval: how many seconds pass between two looks, unless somebody wakes it.
    """

    def __init__(self, ending: Ending, *, interval: float = INTERVAL_SECONDS, threads: int = THREADS) -> None:
        self._ending = ending
        self._interval = interval
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, name="leases", daemon=True) for _ in range(threads)]
        self._failing = False

    def start(self) -> None:
        """Begin to look."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End after what is being done now, if that does not take long. What is left is due when somebody looks."""
        self._stop.set()
        self._ending.wake()
        until = time.monotonic() + _STOP_SECONDS
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._ending.end_due(stop=self._stop)
                self._failing = False
            except StrongroomError as error:  # the service's database is away; it is said once
                if not self._failing:
                    _log.error("Leases cannot be looked after now: %s", error.problem)
                self._failing = True
            except Exception as error:
                _log.error("Looking after leases failed with %s.", type(error).__name__)
            if self._ending.woken.wait(self._interval):
                self._ending.woken.clear()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
