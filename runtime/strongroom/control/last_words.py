"""Ending the process at once, with the history saying what it can."""

from __future__ import annotations

import os
import sys
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from strongroom.states import Cancelled, Crashed, State

if TYPE_CHECKING:
    from strongroom.control.control import Control

WRITING_SECONDS = 2.0


def end_process(code: int, message: str) -> None:
    """End this process with an exit code, whatever it does. Returns at once: another thread does it, after 2 s at most.

    Handlers of signals may call it: what the interrupted code holds locked, it goes on to release.
    """
    from strongroom.control import watch

    threading.Thread(target=_end, args=(code, message, watch.controls()), name="strongroom-end", daemon=True).start()


def _end(code: int, message: str, controls: list[Control]) -> None:
    try:
        writing = threading.Thread(target=_write, args=(message, controls), name="strongroom-last-words", daemon=True)
        writing.start()
        writing.join(WRITING_SECONDS)
        _kill_children()
        if (view := sys.modules.get("strongroom.live.view")) is not None:
            view.leave(WRITING_SECONDS / 4)
        print(f"strongroom: {message}", file=sys.stderr, flush=True)
    finally:
        os._exit(code)


def _write(message: str, controls: list[Control]) -> None:
    for control in controls:
        with suppress(Exception):
            record_end(control, message)


def record_end(control: Control, message: str) -> None:
    """Record that a run, and everything in it that is not over, ended here."""
    from strongroom.calls.call import record_state

    make: Any = Cancelled if control.cancelling is not None else Crashed
    call, journal = control.call, control.call.journal

    def over(run: Any) -> None:
        state: State[Any] = make(message=message)
        record_state(run, state)

    flows = [call.flow_run]
    while flows:
        flow = flows.pop()
        for task in journal.task_runs(flow.id):
            if not task.state.is_final():
                over(task)
                journal.save_task_run(task)
        flows += journal.subflow_runs(flow.id)
        if not flow.state.is_final():
            over(flow)
            journal.save_flow_run(flow)
    journal.flush()


def _kill_children() -> None:
    if (workers := sys.modules.get("strongroom.task_runners.process")) is not None:
        workers.kill_all()
    multiprocessing = sys.modules.get("multiprocessing")
    if multiprocessing is not None:
        with suppress(Exception):
            for child in multiprocessing.active_children():
                child.kill()
