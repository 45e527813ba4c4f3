"""Whether the process that a run belongs to still works on it."""

from __future__ import annotations

import os
from datetime import timedelta

from strongroom.journal.records import FlowRun, now
from strongroom.processes import has_ended, process_start
from strongroom.processes import is_dead as is_dead
from strongroom.processes import this_process as this_process

SILENCE = timedelta(seconds=60)
"""A process on another machine that gave no sign of life for so long is taken for dead: six beats of the journal."""

_CLOCKS_DIFFER = timedelta(seconds=2)


def is_alive(run: FlowRun) -> bool:
    """Whether somebody still works on ``run``: its process on this machine, or a recent sign of life from another."""
    if run.state.is_final() or run.state.name == "Suspended":
        return False
    ended = has_ended(run.process) if run.process else _has_ended_by_time(run)
    if ended is not None:
        return not ended
    # A sign of life from the future is one from before a clock was set back.
    return run.heartbeat is not None and abs(now() - run.heartbeat) < SILENCE


def _has_ended_by_time(run: FlowRun) -> bool | None:
    """The same of a run that an older version recorded."""
    if run.host != os.uname().nodename:
        return None
    began = process_start(run.pid)
    # A process that began after the run's last state is another one, which got the number of the one that died.
    return began is None or began > run.state.timestamp + _CLOCKS_DIFFER
