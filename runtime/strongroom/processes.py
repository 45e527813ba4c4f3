"""Which process: told from a later one of the same number by when it began, whatever clocks are set to meanwhile."""

from __future__ import annotations

import functools
import os
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path


def this_process() -> str:
    """What a run or a lease carries so that others can tell whether its holder still lives: ``"pid@host@start"``.

    On Linux the start is told as boot, namespace of process numbers, and clock ticks since the boot.
    """
    return _name(os.getpid())


@functools.lru_cache(maxsize=1)
def _name(pid: int) -> str:
    return f"{pid}@{os.uname().nodename}@{_mark(pid) or ''}"


def has_ended(process: str) -> bool | None:
    """Whether the process of :func:`this_process` has ended; None where that cannot be told from here."""
    number, _, rest = process.partition("@")
    host, _, mark = rest.rpartition("@")
    if host != os.uname().nodename or not number.isdecimal():
        return None
    if not mark:
        return process_start(int(number)) is None
    ours = _place()
    place, _, _ = mark.rpartition("/")
    if place != ours and place.partition("/")[0] == ours.partition("/")[0]:
        return None  # in another container, where numbers mean other processes
    return _mark(int(number)) != mark  # after another boot, none is left


def is_dead(process: str) -> bool:
    """Whether the process of :func:`this_process` is known to have ended; one of another machine never is."""
    return has_ended(process) is True


def process_start(pid: int) -> datetime | None:
    """When a process of this machine began; None where there is none, or it is dead and waits for its parent."""
    if pid <= 0:
        return None
    if not _has_proc():
        return _start_from_ps(pid)
    ticks = _ticks(pid)
    return None if ticks is None else _boot_time() + timedelta(seconds=ticks / os.sysconf("SC_CLK_TCK"))


def _mark(pid: int) -> str | None:
    if _has_proc():
        ticks = _ticks(pid)
        return None if ticks is None else f"{_place()}/{ticks}"
    began = _start_from_ps(pid)
    return None if began is None else f"{_place()}/{began.timestamp():.0f}"


def _has_proc() -> bool:
    return Path("/proc/self/stat").exists()


@functools.cache
def _place() -> str:
    """Where numbers of processes mean something: this boot of the machine, and the container."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}/{os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return "/"


def _ticks(pid: int) -> int | None:
    with suppress(OSError, ValueError, IndexError):
        # The name in parentheses may hold anything; the fields behind it may not. See proc(5).
        fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
        if fields[0] not in "ZX":
            return int(fields[19])
    return None


def _boot_time() -> datetime:
    lines = Path("/proc/stat").read_text().splitlines()
    [seconds] = [line.split()[1] for line in lines if line.startswith("btime ")]
    return datetime.fromtimestamp(int(seconds), UTC)


def _start_from_ps(pid: int) -> datetime | None:
    import subprocess

    command = ["ps", "-o", "state=,lstart=", "-p", str(pid)]
    found = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "LC_ALL": "C"})
    state, _, start = found.stdout.strip().partition(" ")
    if not state or state.startswith("Z"):
        return None
    return datetime.strptime(start.strip(), "%a %b %d %H:%M:%S %Y").astimezone(UTC)
