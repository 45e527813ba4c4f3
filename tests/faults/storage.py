"""Row 8: disks that are full, fail or take nothing; a server that hangs up; at each call that writes, at each message.

A story of seven changes is told again and again, each time with the failure one call later, until it no longer comes.
Every step that was acknowledged has to be there afterwards, every other one wholly or not at all; every error has to
be a ``StoreProblem`` with a remedy; the registry has to be whole and take changes again.

SQLite's calls of ``write``, ``fsync`` and ``ftruncate`` fail by a library that is loaded before libc; where file
systems may be mounted, a real one of 12 MiB runs full as well and is made read-only. PostgreSQL's connections are cut
by a relay between client and server, before or after a message was handed on. SIGKILL at each call that writes stands
here too.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from strongroom_registry import Registry
from strongroom_registry.errors import StrongroomError

from faults.failing_disk import KILL, SYNCS, TRUNCATES, WRITES, FailingDisk, Failure, compiled, failing_disk
from faults.figure import Figure, Work
from faults.places import opened
from faults.relay import Relay, relay
from faults.story import BEGINNING, INDEPENDENT, Documents, after, carried_out, difference, found, possible

DISKS = {
    "disk full (ENOSPC)": Failure(WRITES | TRUNCATES, 0, errno.ENOSPC, True),
    "disk full for one call": Failure(WRITES | TRUNCATES, 0, errno.ENOSPC, False),
    "disk failing (EIO)": Failure(WRITES | TRUNCATES, 0, errno.EIO, True),
    "disk failing for one call": Failure(WRITES | TRUNCATES, 0, errno.EIO, False),
    "fsync failing": Failure(SYNCS, 0, errno.EIO, True),
    "fsync failing once": Failure(SYNCS, 0, errno.EIO, False),
    "file system turned read-only (EROFS)": Failure(WRITES | TRUNCATES, 0, errno.EROFS, True),
    "SIGKILL at a call that writes": Failure(WRITES | SYNCS | TRUNCATES, 0, KILL, True),
}
MOUNTED = Path(__file__).with_name("mounted_disk.py")


def run(work: Work) -> Iterator[Figure]:
    if "SQLite" in work.places.names:
        library = compiled(work.folder)
        with work.places.make("SQLite", work.folder / "SQLite") as place:
            documents = _begin(place)
            with failing_disk(library, place.path.parent) as disk:
                for what, failure in DISKS.items():
                    yield on_disk(work, place, documents, disk, what, failure)
        yield from mounted(work)
    if "PostgreSQL" in work.places.names:
        with work.places.make("PostgreSQL", work.folder / "PostgreSQL") as place, relay(place) as between:
            documents = _begin(place)
            for what in ("before", "after"):
                yield cut_off(work, place, documents, between, what == "before")


def _begin(place: Any) -> Documents:
    documents: Documents = {}
    with opened(place) as registry:
        for step in BEGINNING:
            step.do(registry)
            documents = after(documents, step)
    place.keep()
    return documents


def on_disk(work: Work, place: Any, documents: Documents, disk: FailingDisk, what: str, failure: Failure) -> Figure:
    """The failure at each call in turn; at a small scale at some of them."""
    figure = Figure(8, what, "SQLite")
    place.put_back()
    never = disk.tell(place.url, place.key, INDEPENDENT, failure._replace(nth=1 << 40))
    assert never.outcomes == [None] * len(INDEPENDENT), never
    dice, calls = work.dice(8, what), range(1, never.calls + 1)
    for nth in calls if work.scale >= 1 else sorted(dice.sample(calls, min(len(calls), 6))):
        place.put_back()
        told = disk.tell(place.url, place.key, INDEPENDENT, failure._replace(nth=nth))
        outcome, problem = _after(place, documents, told.outcomes)
        figure.add(outcome, problem and f"call {nth}: {problem}")
    return figure


def cut_off(work: Work, place: Any, documents: Documents, between: Relay, before: bool) -> Figure:
    """The connection ends at each message of the client in turn, before or after the server has got it."""
    figure = Figure(8, f"connection cut {'before' if before else 'after'} each message", "PostgreSQL")
    place.put_back()
    between.cut_at(None)
    assert _told(place, between) == [None] * len(INDEPENDENT)
    dice, messages = work.dice(8, before), range(1, between.messages + 1)
    for nth in messages if work.scale >= 1 else sorted(dice.sample(messages, 8)):
        place.put_back()
        between.cut_at(nth, before=before)
        outcome, problem = _after(place, documents, _told(place, between))
        figure.add(outcome, problem and f"message {nth}: {problem}")
    return figure


def _told(place: Any, between: Relay) -> list[str | None]:
    try:
        with opened(place, url=between.url) as registry:
            return [carried_out(registry, step) for step in INDEPENDENT]
    except StrongroomError as exc:
        return [f"{type(exc).__name__}: {exc}", *["not begun"] * (len(INDEPENDENT) - 1)]


def _after(place: Any, documents: Documents, outcomes: Sequence[str | None]) -> tuple[str, str | None]:
    """What came out, and what is wrong with it."""
    errors = [outcome for outcome in outcomes if outcome is not None and outcome != "not begun"]
    kinds = {error.partition(":")[0] for error in errors}
    outcome = ", ".join(sorted(kinds)) or ("killed" if "not begun" in outcomes else "not noticed")
    unclean = [error for error in errors if error.partition(":")[0] not in ("StoreUnavailable", "AuditUnavailable")]
    if unclean:
        return outcome, unclean[0]
    begun = [outcome for outcome in outcomes if outcome != "not begun"]
    begun += ["killed"] * (len(begun) < len(outcomes))
    try:
        with opened(place) as registry:
            return outcome, _wrong(registry, possible(documents, INDEPENDENT[: len(begun)], begun))
    except StrongroomError as exc:
        return outcome, f"not readable: {type(exc).__name__}: {exc}"


def _wrong(registry: Registry, held: Sequence[Documents]) -> str | None:
    there = found(registry)
    lost = [difference(there, documents) for documents in held]
    if None not in lost:
        return f"{lost[0]}"
    if not (registry.verify().ok and registry.verify_audit().ok):
        return "verify or verify_audit found something"
    registry.put("afterwards", type="lake", schema="s1", payload=b"again")
    return None


def mounted(work: Work) -> Iterator[Figure]:
    """A file system of 12 MiB in memory, where this process may mount one, at least in a namespace of its own."""
    wrapper = [] if os.geteuid() == 0 else [shutil.which("unshare") or "unshare", "--map-root-user", "--mount"]
    path = os.pathsep.join([str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    answer = ""
    with suppress(OSError, subprocess.CalledProcessError):
        answer = subprocess.run(
            [*wrapper, sys.executable, str(MOUNTED), str(work.folder / "mounted")],
            env={**os.environ, "PYTHONPATH": path},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
    for what, results in json.loads(answer or "{}").items():
        figure = Figure(8, what, "SQLite")
        for outcome, problem in results:
            figure.add(outcome, problem)
        yield figure
