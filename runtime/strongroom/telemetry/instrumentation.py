"""Switching telemetry on and off: by itself where the program has set OpenTelemetry up, or by hand."""

from __future__ import annotations

import threading
from contextvars import ContextVar
from typing import TYPE_CHECKING

from strongroom import observation

if TYPE_CHECKING:
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import TracerProvider

    from strongroom.telemetry.spans import Spans

told_elsewhere: ContextVar[bool] = ContextVar("strongroom_told_elsewhere", default=False)
"""Whether runs here are told of in another process, which tells OpenTelemetry."""

_lock = threading.Lock()
_spans: Spans | None = None
_declined = False


def instrument(*, tracer_provider: TracerProvider | None = None, meter_provider: MeterProvider | None = None) -> None:
    """Tell OpenTelemetry of runs from now on; to the program's own providers where no other ones are given.

    Called by itself where a run begins in a program that has set a provider, unless the setting
    ``STRONGROOM_TELEMETRY`` is false. Raises :class:`~strongroom.errors.MissingExtra` without ``opentelemetry-api``.
    """
    from strongroom_blocks import require_extra

    require_extra("opentelemetry.trace", extra="otel")
    from strongroom.telemetry.meters import Meters
    from strongroom.telemetry.spans import Spans

    global _spans
    with _lock:
        _remove()
        _spans = Spans(tracer_provider, Meters(meter_provider))
        observation.observers.append(_spans)


def uninstrument() -> None:
    """Tell OpenTelemetry nothing more, until :func:`instrument` is called."""
    global _declined
    with _lock:
        _remove()
        _declined = True


def current() -> Spans | None:
    """Who tells OpenTelemetry now."""
    return _spans


def begin() -> None:
    """A run begins in a program that has loaded OpenTelemetry: see whether it has set it up, too."""
    if _spans is not None or _declined or not _is_set_up():
        return
    from strongroom.settings import get_settings

    if get_settings().telemetry:
        instrument()


def _remove() -> None:
    global _spans
    if _spans is not None:
        observation.dismiss(_spans)
    _spans = None


def _is_set_up() -> bool:
    """Whether there is more than the API's own stand-ins, which some libraries load for themselves."""
    from opentelemetry import metrics, trace

    tracing = not isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider | trace.NoOpTracerProvider)
    return tracing or not type(metrics.get_meter_provider()).__module__.startswith("opentelemetry.metrics")
