"""One thread that looks for requests that concern the runs of this process: that they end, or suspend themselves.

It begins with the first run, and looks for the first time half a second later, so that short runs never meet it.
"""

from __future__ import annotations

import logging
import os
import threading
from typing import TYPE_CHECKING, Any
from uuid import UUID

if TYPE_CHECKING:
    from strongroom.control.control import Control
    from strongroom.control.requests import Request

LOOK_SECONDS = 0.5
QUIET_LOOKS = 20
"""After so many looks without a run, the thread sleeps until there is one: waking it costs a run more than all else."""
_log = logging.getLogger("strongroom.control")


class _Watch:
    def __init__(self) -> None:
        self.open: dict[UUID, Control] = {}
        self._wake = threading.Event()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        self._failing = self._asleep = False

    def add(self, control: Control) -> None:
        self.open[control.run_id] = control
        if self._thread is None:
            with self._starting:
                if self._thread is None:
                    self._thread = threading.Thread(target=self._run, name="strongroom-control", daemon=True)
                    self._thread.start()
        elif self._asleep:
            self._wake.set()

    def look(self) -> None:
        self._wake.set()

    def _run(self) -> None:
        quiet = 0
        while True:
            quiet = 0 if self.open else quiet + 1
            self._asleep = quiet > QUIET_LOOKS and not self.open
            if self._wake.wait(None if self._asleep and not self.open else LOOK_SECONDS):
                self._asleep = False
                self._wake.clear()
                self._wake.wait(LOOK_SECONDS / 10)
            try:
                self._look()
                self._failing = False
            except Exception as error:
                if not self._failing:
                    _log.warning("Nobody can end a run of this process from outside now: %s", error)
                self._failing = True

    def _look(self) -> None:
        from strongroom.control import requests
        from strongroom.ledger import current_ledger

        by_ledger: dict[Any, list[Control]] = {}
        for control in list(self.open.values()):
            context = control.context
            if context is not None and control.is_due():
                by_ledger.setdefault(context.run(current_ledger), []).append(control)
        for ledger, controls in by_ledger.items():
            found = requests.read(ledger, [control.run_id for control in controls])
            for control in controls:
                _answer(control, found.get(control.run_id, requests.NONE))


def _answer(control: Control, request: Request) -> None:
    from strongroom.control.last_words import end_process

    if request.suspends and control.halting is None:
        control.halt(request.until)
    if request.ends > control.requests:
        heard, control.requests = control.requests, request.ends
        if not heard:  # several who ask before the run has heard of it ask for the same
            control.cancel("Somebody cancelled the run.")
        else:
            end_process(128 + 9, f"The run {control.call.flow_run.name!r} was cancelled again, so its process ends.")
    elif control.requests:
        control.strike_blocked_loop()
        control.complain_of_flow()


_watch = _Watch()


def add(control: Control) -> None:
    """Look for requests that concern this run."""
    _watch.add(control)


def remove(control: Control) -> None:
    """The run is over."""
    _watch.open.pop(control.run_id, None)


def look() -> None:
    """Look now: this process has just written a request."""
    _watch.look()


def controls() -> list[Control]:
    """Those of all outermost runs of this process."""
    return list(_watch.open.values())


def _forget_parent() -> None:
    """In a forked child: the runs are the parent's, and its thread is not here."""
    global _watch
    _watch = _Watch()


os.register_at_fork(after_in_child=_forget_parent)
