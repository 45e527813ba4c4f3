"""The run that code is part of, in a process that the code began by itself: ``pool.map(with_context(work), items)``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid4

from strongroom.calls.call import enter_context, leave_context
from strongroom.context import FlowRunContext, TaskRunContext, current_run, current_tags, tags
from strongroom.journal.current import current_journal
from strongroom.journal.records import TaskRun
from strongroom.task_runners import travel
from strongroom.task_runners.remote_flow import FlowAsTold, WorkerFlow


@dataclass(frozen=True)
class TravellingContext:
    """The run around some code, as bytes: its flow run, its task run, its tags. Nothing of it where there is none."""

    flow: bytes | None
    task: bytes | None
    tags: frozenset[str]


def serialize_context() -> TravellingContext:
    """The run that the calling code is part of, for :func:`hydrated_context` in another process."""
    run = current_run()
    flow: Any = None if run is None else run.flow_run_context
    task = travel.dumps(_TaskAsTold.of(run)) if isinstance(run, TaskRunContext) else None
    return TravellingContext(None if flow is None else FlowAsTold.of(flow), task, current_tags())


@contextmanager
def hydrated_context(context: TravellingContext | None = None) -> Iterator[None]:
    """The code in the block is part of that run. What it says, and the tasks that it calls, go to the run history."""
    with ExitStack() as stack:
        if context is not None:
            stack.enter_context(tags(*context.tags))
            if context.flow is not None:
                stack.enter_context(_Flow.told(context.flow, _Here()))  # type: ignore[arg-type]
            if context.task is not None:
                token = enter_context(travel.loads(context.task).context(FlowRunContext.get()))
                stack.callback(leave_context, token)
        try:
            yield
        finally:
            if context is not None and (context.flow is not None or context.task is not None):
                current_journal().flush()


class InContext:
    """A function that is part of the run it was wrapped in, wherever it is called. It pickles if its function does."""

    def __init__(self, fn: Callable[..., Any], context: TravellingContext) -> None:
        self.fn = fn
        self.context = context

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        with hydrated_context(self.context):
            return self.fn(*args, **kwargs)


def with_context(fn: Callable[..., Any]) -> InContext:
    """``fn`` for a process of one's own: there it is part of the run that this is called in, and logs for it."""
    return InContext(fn, serialize_context())


class _Here:
    """The run history of this process, where a worker would have a way back to the flow's."""

    def belongs_to(self, _: Any) -> None: ...

    def __getattr__(self, name: str) -> Any:
        return getattr(current_journal(), name)


class _Flow(WorkerFlow):
    """The flow run; several processes may call tasks in it at once, so each call has a key of its own."""

    __slots__ = ()

    def next_key(self, key: str) -> str:
        return f"{super().next_key(key)}-{uuid4().hex[:8]}"


class _Task(TaskRunContext):
    """The task run."""

    def next_key(self, key: str) -> str:
        return f"{super().next_key(key)}-{uuid4().hex[:8]}"


@dataclass(frozen=True)
class _TaskAsTold:
    """A task run: its record, its parameters, and what is called in it inherits."""

    run: TaskRun
    task: bytes
    parameters: bytes | None
    log_prints: bool
    persist_result: bool

    @staticmethod
    def of(context: TaskRunContext) -> _TaskAsTold:
        try:
            parameters = travel.dumps(context.parameters)
        except Exception:
            parameters = None  # the code of the process gets its own inputs
        return _TaskAsTold(
            replace(context.task_run, history=list(context.task_run.history)),
            travel.dump_named(context.task, f"The task {context.task.name!r}"),
            parameters,
            context.log_prints,
            context.persist_result,
        )

    def context(self, flow: FlowRunContext | None) -> TaskRunContext:
        context = _Task()
        context.task, context.task_run = travel.loads(self.task), self.run
        context.parameters = {} if self.parameters is None else travel.loads(self.parameters)
        context.log_prints, context.persist_result = self.log_prints, self.persist_result
        context.flow_run_context = context.parent = flow
        context.restart_keys()
        return context
