"""The flow run around a task, as far as a worker has to know it."""

from __future__ import annotations

import functools
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, NoReturn
from uuid import UUID

from strongroom.calls.call import enter_context, leave_context
from strongroom.calls.flow_call import FlowCall
from strongroom.context import FlowRunContext
from strongroom.errors import CannotTravel
from strongroom.flows import Flow
from strongroom.journal.records import FlowRun
from strongroom.task_runners import travel
from strongroom.task_runners.messages import told_of_flow
from strongroom.task_runners.relay import Relay

LARGEST_PARAMETER = 1024 * 1024
"""Parameters of the flow, which go along with each of its tasks, beyond this many bytes stay where they are."""

_last: tuple[UUID, int, bytes] | None = None


@dataclass(frozen=True, slots=True)
class FlowAsTold:
    """A flow run for its tasks elsewhere: its record, its parameters one by one, and what its tasks inherit from it."""

    run: FlowRun
    parameters: dict[str, bytes | None]
    root_id: UUID
    options: dict[str, Any]
    log_prints: bool
    persist_result: bool

    @staticmethod
    def of(flow: FlowCall) -> bytes:
        """Its bytes, made once for all the tasks that a run submits in turn; raises CannotTravel."""
        global _last
        run = flow.flow_run
        if _last is not None and _last[:2] == (run.id, run.run_count):
            return _last[2]
        storage, serializer = _stored_by(flow)
        told = FlowAsTold(
            told_of_flow(run),
            {name: _body(value) for name, value in flow.parameters.items()},
            flow.root_id,
            {
                "name": flow.flow.name,
                "version": flow.flow.version,
                "result_storage": storage,
                "result_serializer": serializer,
            },
            flow.log_prints,
            flow.persist_result,
        )
        body = travel.dump_named(told, f"The result_storage of flow {flow.flow.name!r}")
        _last = (run.id, run.run_count, body)
        return body


def _stored_by(flow: FlowCall) -> tuple[Any, Any]:
    """The storage and serializer of results, its own or inherited."""
    own: Any = flow
    while isinstance(own, FlowCall):
        if own.flow.result_storage is not None or own.flow.result_serializer is not None:
            return own.flow.result_storage, own.flow.result_serializer
        own = None if own.parent is None else own.parent.flow_run_context
    return None, None


def _body(value: Any) -> bytes | None:
    try:
        body = travel.dumps(value)
    except Exception:
        return None
    return body if len(body) <= LARGEST_PARAMETER else None


class WorkerFlow(FlowCall):
    """The context of a flow run whose function runs elsewhere. Tasks submitted in it run in threads of this process."""

    __slots__ = ("_bodies", "_parameters")

    _bodies: dict[str, bytes | None]
    _parameters: dict[str, Any] | None

    @classmethod
    @contextmanager
    def told(cls, body: bytes, relay: Relay) -> Generator[WorkerFlow]:
        """The context around the block."""
        told, stand_in = _unpacked(body)
        token = enter_context(_Caller(told, relay))
        try:
            flow = cls(stand_in, {}, resumed=told_of_flow(told.run))
        finally:
            leave_context(token)
        flow._resumed = False
        flow.control.began = time.monotonic()  # what ends the run from outside does so where the flow is
        flow._bodies = told.parameters
        flow._parameters = None
        relay.belongs_to(told.run.id)
        token = enter_context(flow)
        try:
            yield flow
        finally:
            leave_context(token)

    @property
    def parameters(self) -> dict[str, Any]:
        """What the flow was called with; unpacked when somebody asks, for there may be blocks to load in it."""
        if self._parameters is None:
            self._parameters = {name: _value(name, body) for name, body in self._bodies.items()}
        return self._parameters

    @parameters.setter
    def parameters(self, value: dict[str, Any]) -> None:
        self._parameters = value

    def end(self, *, interrupt: bool) -> None:
        """Wait for what the task submitted here, or end it too."""
        if self._open_runner is None:
            return
        if interrupt:
            self._open_runner.abandon(interrupt=True)
        else:
            self._open_runner.drain()
        self._open_runner.close()


class _Caller(FlowRunContext):
    """What a flow run inherits, in place of the one that called it."""

    def __init__(self, told: FlowAsTold, relay: Relay) -> None:
        self.journal = relay
        self.captures = None
        self.resumed = self.durable = False
        self.parent = self.replayed = None
        self.parameters = {}
        self.log_prints, self.persist_result = told.log_prints, told.persist_result
        self.root_id = told.root_id
        self.flow_run = replace(told.run, id=told.root_id)


class _StayedBehind:
    """A parameter of the flow that did not come along."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __repr__(self) -> str:
        return f"<parameter {self._name!r} of the flow, which is not on this worker>"

    def __reduce__(self) -> NoReturn:
        raise CannotTravel(f"{self!r} cannot be hashed or passed on.", "Pass it to the task as an input.")


def _value(name: str, body: bytes | None) -> Any:
    if body is None:
        return _StayedBehind(name)
    try:
        return travel.loads(body)
    except Exception:
        return _StayedBehind(name)


@functools.lru_cache(maxsize=16)
def _unpacked(body: bytes) -> tuple[FlowAsTold, Flow[..., Any]]:
    """What was told, once for all the tasks of a run, and a flow that stands for the one that runs elsewhere."""
    told: FlowAsTold = travel.loads(body)
    return told, Flow(_runs_elsewhere, **told.options)


def _runs_elsewhere() -> NoReturn:
    raise CannotTravel("The flow around this task runs in another process.", "Call flows of your own instead.")
