"""Where code stands: the run that it is part of, and the tags that runs begun here get."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from typing import TYPE_CHECKING, Any
from uuid import UUID

from strongroom.errors import MissingContextError

if TYPE_CHECKING:
    from strongroom.control.control import Control
    from strongroom.flows import Flow
    from strongroom.journal.records import FlowRun, TaskRun
    from strongroom.task_runners.runner import TaskRunner
    from strongroom.tasks import Task

_current: ContextVar[FlowRunContext | TaskRunContext | None] = ContextVar("strongroom_run", default=None)
_transaction: ContextVar[Any] = ContextVar("strongroom_transaction", default=None)
_tags: ContextVar[frozenset[str]] = ContextVar("strongroom_tags", default=frozenset())


class RunContext:
    """What the contexts of flows and tasks share: inputs, the caller, and what tells one call from the next."""

    __slots__ = ("_counts", "log_prints", "parameters", "parent", "persist_result")

    parameters: dict[str, Any]
    parent: FlowRunContext | TaskRunContext | None
    log_prints: bool
    persist_result: bool
    scope: Any = None
    """The innermost transaction that surrounds the run; of a task inside of one, its own."""
    transaction: Any = None
    """The run's own transaction, where it has one."""

    def next_key(self, key: str) -> str:
        """The dynamic key of the next call of ``key`` from here: ``"<key>-<n>"``, from 0 on."""
        counter = self._counts.get(key)
        if counter is None:
            counter = self._counts.setdefault(key, count().__next__)
        return f"{key}-{counter()}"

    def restart_keys(self) -> None:
        """Count calls from 0 again, as another attempt does."""
        self._counts: dict[str, Callable[[], int]] = {}


class FlowRunContext(RunContext):
    """The flow run that code is part of."""

    __slots__ = ("flow", "flow_run")

    flow: Flow[Any, Any]
    flow_run: FlowRun
    persist_tasks: bool | None = None
    """Whether results of its tasks persist that do not say so; None where that is as for the run's own."""
    control: Control | None = None
    """Through which the run is ended from outside; None where it does not run here."""

    @classmethod
    def get(cls) -> FlowRunContext | None:
        """The innermost flow run around here, through the tasks in between; None outside of flows."""
        run = _current.get()
        return run.flow_run_context if isinstance(run, TaskRunContext) else run

    @property
    def id(self) -> UUID:
        """The run's id."""
        return self.flow_run.id

    @property
    def flow_run_context(self) -> FlowRunContext:
        """This context itself."""
        return self

    @property
    def start_time(self) -> datetime | None:
        """When the run began, in UTC."""
        return self.flow_run.start_time

    @property
    def task_runner(self) -> TaskRunner:
        """Where tasks that are submitted in this run go."""
        raise MissingContextError("This context has no task runner.", "It belongs to a run that was not started.")


EngineContext = FlowRunContext


class TaskRunContext(RunContext):
    """The task run that code is part of."""

    __slots__ = ("flow_run_context", "task", "task_run")

    task: Task[Any, Any]
    task_run: TaskRun
    flow_run_context: FlowRunContext | None

    @classmethod
    def get(cls) -> TaskRunContext | None:
        """The task run that runs here; None where none does, or where a flow runs inside of it."""
        run = _current.get()
        return run if isinstance(run, TaskRunContext) else None

    def join_transaction(self) -> Any:
        """The run's own transaction, which what is inside of it shares."""
        return self.transaction

    @property
    def id(self) -> UUID:
        """The run's id."""
        return self.task_run.id

    @property
    def task_run_id(self) -> UUID:
        """The task run's id."""
        return self.task_run.id

    @property
    def flow_run_id(self) -> UUID | None:
        """The id of the flow run that it belongs to; None outside of flows."""
        return self.task_run.flow_run_id

    @property
    def start_time(self) -> datetime | None:
        """When the run began, in UTC."""
        return self.task_run.start_time


def current_run() -> FlowRunContext | TaskRunContext | None:
    """The innermost run that the calling code is part of; None outside of runs."""
    return _current.get()


def transaction_around(run: FlowRunContext | TaskRunContext | None) -> Any:
    """The innermost transaction of a ``with`` block around code of ``run``, or the run's scope; None where none is."""
    found = _transaction.get()
    while found is not None and found.run is not run:
        found = found.parent
    return run.scope if found is None and run is not None else found


def get_run_context() -> FlowRunContext | TaskRunContext:
    """The run that the calling code is part of: a task's context inside a task, else the flow's.

    Raises :class:`~strongroom.errors.MissingContextError` outside of runs.
    """
    run = _current.get()
    if run is None:
        raise MissingContextError("No flow or task runs here.", "Ask for the context inside a function of one.")
    return run


@contextmanager
def tags(*new_tags: str) -> Iterator[frozenset[str]]:
    """Give these tags to every flow and task run that begins inside the block; yields all that apply there."""
    token = _tags.set(_tags.get().union(new_tags))
    try:
        yield _tags.get()
    finally:
        _tags.reset(token)


def with_context(fn: Callable[..., Any]) -> Callable[..., Any]:
    """``fn`` for a process of one's own, ``pool.map(with_context(work), items)``: there it is part of the run here."""
    from strongroom import context_travel

    return context_travel.with_context(fn)


def __getattr__(name: str) -> Any:
    if name not in ("hydrated_context", "serialize_context"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from strongroom import context_travel

    return getattr(context_travel, name)


@dataclass(frozen=True)
class TagsContext:
    """The tags of :func:`tags` around here: ``TagsContext.get().current_tags``."""

    current_tags: set[str] = field(default_factory=set)

    @classmethod
    def get(cls) -> TagsContext:
        """Those that apply where it is called; without any, outside of every ``tags`` block."""
        return cls(set(_tags.get()))


def current_tags() -> frozenset[str]:
    """The tags that runs get which begin here."""
    return _tags.get()
