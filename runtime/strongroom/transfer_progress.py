"""How far a transfer is, told to whatever shows the runs of this process; kept nowhere."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from uuid import uuid4

from strongroom.artifacts.progress import Progress, outlet
from strongroom.context import FlowRunContext, TaskRunContext

EVERY_SECONDS = 0.2
_UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB")


def moving(what: str, total: int, unit: str = "") -> Callable[[int], None] | None:
    """What a transfer calls, from any thread, with how much it has moved more; None where nobody wants to know.

    A number below zero takes back what is moved again. The run is that of the caller of this function.

    :param what: what is moved, in a few words, without a secret.
    :param total: how much there is: bytes, or pieces of ``unit``.
    """
    tell, flow, task = outlet(), FlowRunContext.get(), TaskRunContext.get()
    if tell is None or total <= 0 or (flow is None and task is None):
        return None
    identity, lock = uuid4(), threading.Lock()
    moved, told_at = 0, 0.0

    def more(count: int) -> None:
        nonlocal moved, told_at
        with lock:
            moved += count
            now = time.monotonic()
            if now - told_at < EVERY_SECONDS and moved < total:
                return
            told_at = now
            done = moved
        tell(
            Progress(
                identity,
                100.0 * done / total,
                f"{what}: {_amount(done, unit)} of {_amount(total, unit)}",
                None,
                None if flow is None else flow.id,
                None if task is None else task.id,
            )
        )

    return more


def _amount(number: float, unit: str) -> str:
    if unit:
        return f"{number:,.0f} {unit}"
    step = 0
    while number >= 1024 and step < len(_UNITS) - 1:
        number, step = number / 1024, step + 1
    return f"{number:.{1 if step else 0}f} {_UNITS[step]}"
