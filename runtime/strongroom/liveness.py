"""Whether the process that a run belongs to still works on it."""

from __future__ import annotations

import os
import subprocess
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from strongroom.journal.records import FlowRun, now

SILENCE = timedelta(seconds=60)
"""A process on another machine that gave no sign of life for so long is taken for dead: six beats of the journal."""

_CLOCKS_DIFFER = timedelta(seconds=2)


def is_alive(run: FlowRun) -> bool:
    """Whether somebody still works on ``run``: its process on this machine, or a recent sign of life from another."""
    if run.state.is_final():
        return False
    if run.host != os.uname().nodename:
        return run.heartbeat is not None and now() - run.heartbeat < SILENCE
    began = process_start(run.pid)
    # A process that began after the run's last state is another one, which got the number of the one that died.
    return began is not None and began <= run.state.timestamp + _CLOCKS_DIFFER


def process_start(pid: int) -> datetime | None:
    """When a process of this machine began; None where there is none, or it is dead and waits for its parent."""
    if pid <= 0:
        return None
    if not Path("/proc/self/stat").exists():
        return _start_from_ps(pid)
    with suppress(OSError, ValueError, IndexError):
        # The name in parentheses may hold anything; the fields behind it may not. See proc(5).
        fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
        if fields[0] not in "ZX":
            ticks = int(fields[19])
            return _boot_time() + timedelta(seconds=ticks / os.sysconf("SC_CLK_TCK"))
    return None


def _boot_time() -> datetime:
    lines = Path("/proc/stat").read_text().splitlines()
    [seconds] = [line.split()[1] for line in lines if line.startswith("btime ")]
    return datetime.fromtimestamp(int(seconds), UTC)


def _start_from_ps(pid: int) -> datetime | None:
    command = ["ps", "-o", "state=,lstart=", "-p", str(pid)]
    found = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "LC_ALL": "C"})
    state, _, start = found.stdout.strip().partition(" ")
    if not state or state.startswith("Z"):
        return None
    return datetime.strptime(start.strip(), "%a %b %d %H:%M:%S %Y").astimezone(UTC)


def this_process() -> str:
    """What a lease carries so that others can tell whether its holder still lives: ``"pid@host@start"``."""
    pid = os.getpid()
    start = process_start(pid)
    return f"{pid}@{os.uname().nodename}@{start.timestamp() if start else 0:.2f}"


def is_dead(process: str) -> bool:
    """Whether the process of :func:`this_process` is known to have ended; one of another machine never is."""
    pid, _, rest = process.partition("@")
    host, _, start = rest.rpartition("@")
    if host != os.uname().nodename:
        return False
    began = process_start(int(pid))
    return began is None or (
        float(start) > 0 and abs(began.timestamp() - float(start)) > _CLOCKS_DIFFER.total_seconds()
    )
