"""Numbers of runs for OpenTelemetry: how long they took, how many go on, how often they were tried again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from strongroom.journal.records import FlowRun, TaskRun

if TYPE_CHECKING:
    from opentelemetry.metrics import MeterProvider

SECONDS = (0.001, 0.01, 0.1, 1, 5, 10, 30, 60, 300, 600, 1800, 3600, 10800)
"""The upper bounds of the buckets of durations."""


class Meters:
    """The instruments: ``strongroom.run.duration``, ``strongroom.run.active`` and ``strongroom.run.retries``."""

    def __init__(self, provider: MeterProvider | None) -> None:
        from opentelemetry import metrics

        from strongroom import __version__

        meter = metrics.get_meter("strongroom", __version__, provider)
        self._duration = meter.create_histogram(
            "strongroom.run.duration",
            unit="s",
            description="From the start of a run to its end, retries included.",
            explicit_bucket_boundaries_advisory=SECONDS,
        )
        self._active = meter.create_up_down_counter(
            "strongroom.run.active", unit="{run}", description="Runs that have begun and are not over."
        )
        self._retries = meter.create_counter(
            "strongroom.run.retries", unit="{attempt}", description="Attempts after the first one of a run."
        )

    def began(self, run: FlowRun | TaskRun) -> None:
        """A run began."""
        self._active.add(1, _what(run))

    def retried(self, run: FlowRun | TaskRun) -> None:
        """A run is tried again."""
        self._retries.add(1, _what(run))

    def ended(self, run: FlowRun | TaskRun, *, active: bool) -> None:
        """A run is over; ``active`` where :meth:`began` was told."""
        what = _what(run)
        if active:
            self._active.add(-1, what)
        seconds = 0.0
        if active and run.start_time is not None:
            seconds = max(0.0, (run.state.timestamp - run.start_time).total_seconds())
        self._duration.record(seconds, {**what, "strongroom.run.state": run.state.name})


def _what(run: FlowRun | TaskRun) -> dict[str, Any]:
    if isinstance(run, FlowRun):
        return {"strongroom.run.kind": "flow", "strongroom.flow.name": run.flow_name}
    return {"strongroom.run.kind": run.kind, "strongroom.task.name": run.task_name}
