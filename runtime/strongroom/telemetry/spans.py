"""A span for each run: it begins and ends with the run, attempts are events, and what the code does lies below it."""

from __future__ import annotations

import threading
import traceback
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from strongroom_blocks.redaction import redactor

from strongroom.context import current_run
from strongroom.journal.records import FlowRun, TaskRun
from strongroom.states import State, StateType
from strongroom.telemetry.instrumentation import told_elsewhere

if TYPE_CHECKING:
    from opentelemetry.trace import Span, Tracer, TracerProvider

    from strongroom.telemetry.meters import Meters

Attributes = dict[str, Any]


@dataclass(slots=True)
class _Open:
    """A span that goes on; ``token`` takes it back from being current in ``thread``."""

    span: Span
    token: Any = None
    thread: int = 0


class Spans:
    """An observer of runs (:mod:`strongroom.observation`)."""

    def __init__(self, provider: TracerProvider | None, meters: Meters) -> None:
        from opentelemetry import trace

        from strongroom import __version__

        self._trace = trace
        self._tracer: Tracer = trace.get_tracer("strongroom", __version__, provider)
        self._meters = meters
        self._open: dict[UUID, _Open] = {}

    def lent(self, run: TaskRun) -> Any:
        """The span of a run that another process is about to carry out, as a context to hand over; begins it."""
        opened = self._open.get(run.id) or self._begin(run, lasting=True, now=True)
        return self._trace.set_span_in_context(opened.span)

    def __call__(self, run: FlowRun | TaskRun) -> None:
        if told_elsewhere.get():
            return
        state, opened = run.state, self._open.get(run.id)
        over = state.is_final() or state.name in ("NotReady", "Suspended")
        if opened is None and (state.type is StateType.RUNNING or over):
            opened = self._begin(run, lasting=not over)
        elif opened is not None and not over:
            self._note(opened.span, run)
        if opened is not None and over:
            self._end(run, opened)

    def _begin(self, run: FlowRun | TaskRun, *, lasting: bool, now: bool = False) -> _Open:
        name = f"flow {run.flow_name}" if isinstance(run, FlowRun) else f"{run.kind} {run.task_name}"
        start = None if now else _nanoseconds(run.state)
        span = self._tracer.start_span(name, self._caller(run), attributes=_attributes(run), start_time=start)
        opened = _Open(span)
        if not lasting:
            return opened
        self._open[run.id] = opened
        self._meters.began(run)
        if _is_current(run):
            from opentelemetry import context

            opened.token = context.attach(self._trace.set_span_in_context(span))
            opened.thread = threading.get_ident()
        return opened

    def _caller(self, run: FlowRun | TaskRun) -> Any:
        """The context of the run that called this one, of what another process tells; None for the current context."""
        if isinstance(run, FlowRun):
            caller = self._open.get(run.parent_task_run_id or run.parent_flow_run_id or run.id)
        else:
            caller = self._open.get(run.parent_id or run.id)
        if caller is None or _is_current(run):
            return None
        return self._trace.set_span_in_context(caller.span)

    def _note(self, span: Span, run: FlowRun | TaskRun) -> None:
        """A step on the way: another attempt, a pause, a wait."""
        if run.state.name == "Retrying":
            self._meters.retried(run)
        if isinstance(run.state.data, BaseException):
            _record(span, run.state.data, run.state)
        told = {"strongroom.run.attempts": run.run_count, "strongroom.run.state_type": run.state.type.value}
        if run.state.message:
            told["strongroom.run.message"] = run.state.message
        span.add_event(run.state.name, told, timestamp=_nanoseconds(run.state))

    def _end(self, run: FlowRun | TaskRun, opened: _Open) -> None:
        lasting = self._open.pop(run.id, None) is not None
        span, state = opened.span, run.state
        span.set_attributes(
            {
                "strongroom.run.state": state.name,
                "strongroom.run.state_type": state.type.value,
                "strongroom.run.attempts": run.run_count,
            }
        )
        if state.type in (StateType.FAILED, StateType.CRASHED):
            error = state.data if isinstance(state.data, BaseException) else None
            if error is not None:
                _record(span, error, state)
            span.set_attribute("error.type", state.name if error is None else _type(error))
            span.set_status(self._trace.StatusCode.ERROR, state.message or state.name)
        elif state.is_completed():
            span.set_status(self._trace.StatusCode.OK)
        if isinstance(run, FlowRun) and run.blocks:
            span.set_attribute("strongroom.blocks", list(run.blocks))
        span.end(_nanoseconds(state))
        self._meters.ended(run, active=lasting)
        if opened.token is not None and opened.thread == threading.get_ident():
            from opentelemetry import context

            context.detach(opened.token)


def _is_current(run: FlowRun | TaskRun) -> bool:
    """Whether what follows in this thread is the run's own code.

    Not so for a generator, whose caller's code runs in between, nor for a node, which is another program's.
    """
    call: Any = current_run()
    own = getattr(call, "task_run", None) is run or getattr(call, "flow_run", None) is run
    return own and not getattr(call, "is_generator", False)


def _attributes(run: FlowRun | TaskRun) -> Attributes:
    found: Attributes
    if isinstance(run, FlowRun):
        found = {
            "strongroom.run.kind": "flow",
            "strongroom.flow.name": run.flow_name,
            "strongroom.flow.version": run.flow_version,
            "strongroom.flow.entrypoint": run.entrypoint,
            "strongroom.flow_run.id": str(run.id),
            "strongroom.flow_run.name": redactor.redact(run.name),
            "strongroom.deployment.name": run.deployment or None,
        }
    else:
        found = {
            "strongroom.run.kind": run.kind,
            "strongroom.task.name": run.task_name,
            "strongroom.task.key": run.task_key,
            "strongroom.task_run.id": str(run.id),
            "strongroom.task_run.name": redactor.redact(run.name),
            "strongroom.flow_run.id": None if run.flow_run_id is None else str(run.flow_run_id),
        }
    found["strongroom.run.tags"] = [redactor.redact(tag) for tag in sorted(run.tags)] or None
    return {name: value for name, value in found.items() if value is not None}


def _record(span: Span, error: BaseException, state: State[Any]) -> None:
    """The exception as the conventions for spans want it, without the secrets that this process knows."""
    trace = "".join(traceback.format_exception(error))
    told = {"exception.type": _type(error), "exception.message": redactor.redact(str(error))}
    span.add_event("exception", {**told, "exception.stacktrace": redactor.redact(trace)}, _nanoseconds(state))


def _type(error: BaseException) -> str:
    kind = type(error)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def _nanoseconds(state: State[Any]) -> int:
    return int(state.timestamp.timestamp() * 1_000_000) * 1000
