"""The way of a trace from one process to another: W3C Trace Context, in a mapping of a few short texts."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any


def carrier() -> dict[str, str]:
    """What another process needs for its spans to be children of the current one; empty where nothing is traced."""
    propagate = _propagate()
    carried: dict[str, str] = {}
    if propagate is not None:
        propagate.inject(carried)
    return carried


@contextmanager
def attached(carried: Mapping[str, str]) -> Iterator[None]:
    """Spans that begin inside of the block are children of the span that :func:`carrier` was called in."""
    propagate = _propagate() if carried else None
    if propagate is None:
        yield
        return
    from opentelemetry import context

    token = context.attach(propagate.extract(carried))
    try:
        yield
    finally:
        context.detach(token)


def _propagate() -> Any:
    """The API's module, where somebody in this process uses OpenTelemetry: it is not loaded for its own sake."""
    if "opentelemetry" not in sys.modules:
        return None
    from opentelemetry import propagate

    return propagate
