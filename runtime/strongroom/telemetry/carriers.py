"""The way of a trace from one process to another: W3C Trace Context, in a mapping of a few short texts.

What a task runner's worker carries out is told to the flow's process, which makes the spans of it; in the worker, only
what the user's code and its libraries trace is recorded, below the span of the task.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING

from strongroom.telemetry import instrumentation

if TYPE_CHECKING:
    from strongroom.journal.records import TaskRun

TOLD = "strongroom-told"
"""The key of a carrier whose runs the process that made it is told of."""


def carrier(run: TaskRun | None = None) -> dict[str, str]:
    """What another process needs for its spans to be children of the current one; empty where nothing is traced.

    With ``run``, a task run that the other process carries out and tells this one of, they are children of its span,
    which begins now.
    """
    if "opentelemetry" not in sys.modules:
        return {}
    from opentelemetry import propagate

    carried: dict[str, str] = {}
    spans = instrumentation.current()
    context = spans.lent(run) if spans is not None and run is not None else None
    propagate.inject(carried, context=context)
    return {**carried, TOLD: "1"} if context is not None else carried


@contextmanager
def attached(carried: Mapping[str, str]) -> Iterator[None]:
    """Spans that begin inside of the block are children of the span that :func:`carrier` was called in, or for.

    Does nothing for an empty carrier, and where OpenTelemetry is not installed.
    """
    if not carried or find_spec("opentelemetry") is None:
        yield
        return
    from opentelemetry import context, propagate

    instrumentation.begin()
    token = context.attach(propagate.extract(carried))
    silent = instrumentation.told_elsewhere.set(TOLD in carried)
    try:
        yield
    finally:
        instrumentation.told_elsewhere.reset(silent)
        context.detach(token)
