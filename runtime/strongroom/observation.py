"""Who looks on while runs go through their states: the live view of a terminal, telemetry. Nobody, nearly always.

A run tells each state that it enters to whoever is in :data:`observers`; where that is empty, it costs a look at it.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from strongroom.journal.records import FlowRun, TaskRun

_log = logging.getLogger("strongroom")

Observer = Callable[["FlowRun | TaskRun"], None]
observers: list[Observer] = []
"""Called with each run that entered a state, in the thread that the run is in."""


def tell(run: FlowRun | TaskRun) -> None:
    """A run entered a state. An observer that fails is sent away, and the run goes on."""
    for observer in observers.copy():
        try:
            observer(run)
        except Exception:
            dismiss(observer)
            _log.exception("What looks on at runs failed, and does so no more; the runs go on")


def dismiss(observer: Observer) -> None:
    """``observer`` looks on no more; harmless where it does not."""
    if observer in observers:
        observers.remove(observer)


def begin(flow_run: bool) -> None:
    """A run that no other run called is about to begin: bring up what wants to look on and does not yet."""
    if "opentelemetry" in sys.modules:
        from strongroom.telemetry.instrumentation import begin as begin_telemetry

        begin_telemetry()
    if flow_run:
        from strongroom.settings import get_settings

        if get_settings().logging_live:
            from strongroom.live import begin as begin_live

            begin_live()
