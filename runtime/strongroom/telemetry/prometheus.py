"""Counts and durations of runs in the text format of Prometheus, from the run history."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from strongroom.journal.tally import BOUNDS, Tally

if TYPE_CHECKING:
    from strongroom.journal import Journal


def prometheus_text(journal: Journal | None = None, *, since: datetime | None = None) -> str:
    """The metrics of the runs in ``journal``, the current one unless given, that were created from ``since`` on.

    For an endpoint that is scraped, or a file for the node exporter's textfile collector. Where old runs are removed
    from the history, or ``since`` moves, counts go down; they are gauges for that, and histograms begin anew.
    Raises JournalProblem where the history cannot be read.
    """
    if journal is None:
        from strongroom.journal import current_journal

        journal = current_journal()
    tallies = journal.tallies(since)
    parts = [_kind(kind, [tally for tally in tallies if tally.kind == kind]) for kind in ("flow", "task")]
    return "".join(f"{line}\n" for part in parts for line in part)


def _kind(kind: str, tallies: Sequence[Tally]) -> Iterator[str]:
    if not tallies:
        return
    yield from _head(f"strongroom_{kind}_runs", "gauge", f"Runs of {kind}s in the history, by the state they are in.")
    for tally in tallies:
        yield f"strongroom_{kind}_runs{_labels(tally)} {tally.runs}"
    name = f"strongroom_{kind}_run_duration_seconds"
    yield from _head(name, "histogram", f"How long runs of {kind}s took that are over.")
    for tally in tallies:
        if tally.timed:
            yield from _histogram(name, tally)
    name = f"strongroom_{kind}_run_last_end_timestamp_seconds"
    yield from _head(name, "gauge", f"When the last run of a {kind} ended in this state.")
    for tally in tallies:
        if tally.last_end is not None:
            yield f"{name}{_labels(tally)} {tally.last_end.timestamp()!r}"


def _histogram(name: str, tally: Tally) -> Iterator[str]:
    for bound, count in zip(BOUNDS, tally.within, strict=True):
        yield f"{name}_bucket{_labels(tally, le=repr(bound))} {count}"
    yield f"{name}_bucket{_labels(tally, le='+Inf')} {tally.timed}"
    yield f"{name}_sum{_labels(tally)} {tally.seconds!r}"
    yield f"{name}_count{_labels(tally)} {tally.timed}"


def _head(name: str, kind: str, text: str) -> Iterator[str]:
    yield f"# HELP {name} {text}"
    yield f"# TYPE {name} {kind}"


def _labels(tally: Tally, **more: str) -> str:
    labels = {tally.kind: tally.name, "state": tally.state, **more}
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items()) + "}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
