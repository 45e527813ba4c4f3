"""How many runs ended in which state, and how long they took: what metrics are made of, counted by the database."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from strongroom.journal.records import FlowRun, TaskRun

BOUNDS = (0.01, 0.1, 1.0, 10.0, 60.0, 300.0, 1800.0, 3600.0, 10800.0)
"""Durations are counted up to each of these seconds."""


@dataclass(frozen=True, slots=True)
class Tally:
    """The runs of one flow or task that are in one state.

    ``timed`` of the ``runs`` began and ended, in ``seconds`` altogether; ``within`` counts those of them that took no
    longer than each of :data:`BOUNDS`. ``last_end`` is when the last of them ended.
    """

    kind: Literal["flow", "task"]
    name: str
    state: str
    runs: int
    timed: int
    seconds: float
    within: tuple[int, ...]
    last_end: datetime | None


def query(table: str) -> str:
    """The statement for ``flow_runs`` or ``task_runs``; its one value is the time from which on runs were created."""
    name = table.removesuffix("_runs") + "_name"
    took = "end_time - start_time"
    within = ", ".join(f"SUM(CASE WHEN {took} <= {bound!r} THEN 1 ELSE 0 END)" for bound in BOUNDS)
    return (
        f"SELECT {name}, state_name, COUNT(*), COUNT({took}), COALESCE(SUM({took}), 0), MAX(end_time), {within} "  # noqa: S608
        f"FROM {table} WHERE created >= ? GROUP BY {name}, state_name ORDER BY {name}, state_name"
    )


def of_row(kind: Literal["flow", "task"], row: Sequence[Any]) -> Tally:
    """The tally of a row of :func:`query`."""
    name, state, runs, timed, seconds, last, *within = row
    counts = tuple(int(count) for count in within)
    last_end = None if last is None else datetime.fromtimestamp(last, UTC)
    return Tally(kind, name, state, int(runs), int(timed), float(seconds), counts, last_end)


def of_records(kind: Literal["flow", "task"], records: Iterable[FlowRun | TaskRun]) -> list[Tally]:
    """The same of records at hand."""
    groups: defaultdict[tuple[str, str], list[FlowRun | TaskRun]] = defaultdict(list)
    for run in records:
        groups[run.flow_name if isinstance(run, FlowRun) else run.task_name, run.state.name].append(run)
    found = []
    for (name, state), runs in sorted(groups.items()):
        took = [(r.end_time - r.start_time).total_seconds() for r in runs if r.start_time and r.end_time]
        last = max((run.end_time for run in runs if run.end_time), default=None)
        within = tuple(sum(seconds <= bound for seconds in took) for bound in BOUNDS)
        found.append(Tally(kind, name, state, len(runs), len(took), sum(took), within, last))
    return found
