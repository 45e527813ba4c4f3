"""What a run is in: a type that rules act on, a name that people read, and what came out of it.

Names and types are those that Prefect 3 documents under "States"::

    SCHEDULED   Scheduled, Late, AwaitingRetry, AwaitingConcurrencySlot, Resuming
    PENDING     Pending, NotReady, Submitting, InfrastructurePending
    RUNNING     Running, Retrying
    PAUSED      Paused, Suspended
    CANCELLING  Cancelling
    COMPLETED   Completed, Cached, RolledBack
    FAILED      Failed, TimedOut
    CRASHED     Crashed
    CANCELLED   Cancelled
"""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from enum import Enum
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from uuid import UUID, uuid4

from strongroom_blocks.awaited import awaitable_too, is_awaited

from strongroom.clock import now
from strongroom.errors import CancelledRun, CrashedRun, FailedRun, MissingResult, PausedRun, UnfinishedRun

if TYPE_CHECKING:
    from strongroom.state_details import StateDetails as StateDetails
    from strongroom.state_groups import StateGroup as StateGroup

__all__ = [
    "TERMINAL_STATES", "AwaitingConcurrencySlot", "AwaitingRetry", "Cached", "Cancelled", "Cancelling", "Completed",
    "Crashed", "Failed", "InfrastructurePending", "Late", "NotReady", "Paused", "Pending", "Resuming", "Retrying",
    "RolledBack", "Running", "Scheduled", "State", "StateDetails", "StateGroup", "StateType", "Submitting",
    "Suspended", "TimedOut", "aget_state_exception", "aggregate", "araise_state_exception", "get_state_exception",
    "get_state_result", "is_state_iterable", "raise_state_exception",
]  # fmt: skip
"""What ``from strongroom.states import *`` gives: none of the modules that this one needs."""

R = TypeVar("R")


class StateType(str, Enum):  # noqa: UP042, a StrEnum prints its value; scripts expect StateType.FAILED
    """The kinds of states; rules look at nothing else. Equal to its text, and printed as ``StateType.FAILED``."""

    SCHEDULED = "SCHEDULED"
    PENDING = "PENDING"
    RUNNING = "RUNNING"
    PAUSED = "PAUSED"
    CANCELLING = "CANCELLING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CRASHED = "CRASHED"
    CANCELLED = "CANCELLED"

    def __repr__(self) -> str:
        return str(self)


TERMINAL_STATES = frozenset({StateType.COMPLETED, StateType.FAILED, StateType.CRASHED, StateType.CANCELLED})
UNSUCCESSFUL = frozenset({StateType.FAILED, StateType.CRASHED, StateType.CANCELLED})


class Fetch:
    """A result that lies in storage: the data of a state whose value is not held in memory."""

    __slots__ = ("read",)

    def __init__(self, read: Callable[[], Any]) -> None:
        self.read = read


class NotKept:
    """The data of a completed state whose value was neither held in memory nor stored."""

    __slots__ = ()


class State(Generic[R]):
    """One state of one run. A value: nothing changes it after it was entered.

    :param type: decides what the state means.
    :param name: what people read; the type's own name in title case where none is given.
    :param message: why, in a sentence; None where the name says it all.
    :param data: what came out: the returned value, or the exception of a run that failed. Read it by :meth:`result`.
    :param scheduled_time: when a scheduled state is due.

    ``entered`` tells whether it is, or was, the state of a run; ``owner`` the ids of that flow run and task run;
    ``by_hand`` whether the run's own function made it.
    """

    __slots__ = (
        "_details",
        "_id",
        "by_hand",
        "data",
        "entered",
        "message",
        "name",
        "owner",
        "scheduled_time",
        "timestamp",
        "type",
    )

    def __init__(
        self,
        type: StateType,
        name: str | None = None,
        message: str | None = None,
        data: Any = None,
        *,
        timestamp: datetime | None = None,
        scheduled_time: datetime | None = None,
        id: UUID | None = None,
        state_details: StateDetails | Mapping[str, Any] | None = None,
    ) -> None:
        self.type = type if type.__class__ is StateType else StateType(type)
        self.name = name if name is not None else _NAMES[type]
        self.message = message
        self.data = data
        self.timestamp = timestamp if timestamp is not None else now()
        self.scheduled_time = scheduled_time
        self._id = id
        self.entered = self.by_hand = False
        self.owner: tuple[UUID | None, UUID | None] | None = None
        self._details: StateDetails | None = None
        if state_details is not None:
            self._detail(state_details)

    def _detail(self, given: StateDetails | Mapping[str, Any]) -> None:
        from strongroom.state_details import StateDetails

        self._details = details = StateDetails(**given) if isinstance(given, Mapping) else given
        if details.scheduled_time is not None:
            self.scheduled_time = details.scheduled_time

    @property
    def id(self) -> UUID:
        """Tells this state from every other one."""
        if self._id is None:
            self._id = uuid4()
        return self._id

    @property
    def state_details(self) -> StateDetails:
        """Whose state it is, when it is due, and how long it waits for somebody."""
        if self._details is None:
            from strongroom.state_details import StateDetails

            self._details = StateDetails(scheduled_time=self.scheduled_time)
        if self.owner is not None:
            self._details.flow_run_id, self._details.task_run_id = self.owner
        return self._details

    def is_scheduled(self) -> bool:
        """Whether it will run later."""
        return self.type is StateType.SCHEDULED

    def is_pending(self) -> bool:
        """Whether it is about to run, or waits for something before it can."""
        return self.type is StateType.PENDING

    def is_running(self) -> bool:
        """Whether its code runs now."""
        return self.type is StateType.RUNNING

    def is_completed(self) -> bool:
        """Whether it ended well."""
        return self.type is StateType.COMPLETED

    def is_failed(self) -> bool:
        """Whether it ended by an exception, a timeout, or because it said so."""
        return self.type is StateType.FAILED

    def is_crashed(self) -> bool:
        """Whether something other than its own code ended it."""
        return self.type is StateType.CRASHED

    def is_cancelled(self) -> bool:
        """Whether somebody ended it, or it never began because of that."""
        return self.type is StateType.CANCELLED

    def is_cancelling(self) -> bool:
        """Whether it is being ended."""
        return self.type is StateType.CANCELLING

    def is_paused(self) -> bool:
        """Whether it waits for somebody."""
        return self.type is StateType.PAUSED

    def is_final(self) -> bool:
        """Whether nothing comes after it."""
        return self.type in TERMINAL_STATES

    def result(self, raise_on_failure: bool = True) -> R | Any:
        """What came out of the run.

        With ``raise_on_failure`` the exception of a run that failed is raised, otherwise it, or what else the state
        has as its data, is returned. Raises
        :class:`~strongroom.errors.UnfinishedRun` for a run that is not over and
        :class:`~strongroom.errors.MissingResult` where the value was not kept.
        """
        if is_awaited(sys._getframe(1)):
            return self.aresult(raise_on_failure)
        return self._result(raise_on_failure)

    def _result(self, raise_on_failure: bool) -> Any:
        if self.type is StateType.COMPLETED:
            return self._value()
        if self.type in UNSUCCESSFUL:
            if raise_on_failure:
                raise self.exception()
            return self.exception() if self.data is None and not self.entered else self.data
        if isinstance(self.data, UnfinishedRun):
            raise self.data
        if self.type is StateType.PAUSED:
            raise PausedRun("The run is paused, so it has no result yet.", "Resume it first.")
        raise UnfinishedRun(
            f"The run is {self.name}, so it has no result yet.", "Wait for it first: future.wait() or future.result()."
        )

    async def aresult(self, raise_on_failure: bool = True) -> R | Any:
        """Like :meth:`result`, without blocking the event loop while a result is fetched from storage."""
        if isinstance(self.data, Fetch):
            import asyncio

            return await asyncio.to_thread(self._result, raise_on_failure)
        return self._result(raise_on_failure)

    def exception(self) -> BaseException:
        """Why the run did not succeed: its own exception, that of a state it returned, or one made of the message."""
        if isinstance(self.data, BaseException):
            return self.data
        inner = [self.data] if isinstance(self.data, State) else self.data if is_state_iterable(self.data) else ()
        for state in inner:
            if state is not self and (state.type in UNSUCCESSFUL or isinstance(state.data, UnfinishedRun)):
                return state.exception()
        kind = {StateType.CRASHED: CrashedRun, StateType.CANCELLED: CancelledRun}.get(self.type, FailedRun)
        return kind(self.data if isinstance(self.data, str) else self.message or f"Run {self.type.value.lower()}.")

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> State[R]:
        """A copy with another timestamp, and with the attributes in ``update`` changed; ``deep`` copies the data too.

        The copy is the state of no run yet.
        """
        known = {name: getattr(self, name) for name in ("type", "name", "message", "data", "scheduled_time", "id")}
        if self._details is not None:
            known["state_details"] = copy.copy(self.state_details)
        if deep:
            known["data"] = copy.deepcopy(self.data)
        return State(**{**known, **(update or {})})

    def fresh_copy(self, *, deep: bool = False) -> State[R]:
        """A copy that is another state: with an id and a timestamp of its own."""
        return self.model_copy(update={"id": None}, deep=deep)

    copy = model_copy

    def _value(self) -> Any:
        if type(self.data) is Fetch:
            return self.data.read()
        if type(self.data) is NotKept:
            raise MissingResult(
                "The result was not kept in memory, nor stored.",
                "Give the task persist_result=True, or leave cache_result_in_memory on.",
            )
        return self.data

    def __str__(self) -> str:
        said = [] if self.message is None else [repr(self.message)]
        if self.name.casefold() != self.type.value.casefold():
            said.append(f"type={self.type.value}")
        return f"{self.name}({', '.join(said)})"

    def __repr__(self) -> str:
        return f"{self.name}(message={self.message!r}, type={self.type.value})"

    def __reduce__(self) -> tuple[Callable[..., State[Any]], tuple[Any, ...]]:
        data = None if isinstance(self.data, Fetch | NotKept) else self.data
        known = (self.type, self.name, self.message, data, self.timestamp, self.scheduled_time, self.id)
        return _rebuild, (*known, (self.entered, self.by_hand, self.owner, self._details))


def _rebuild(
    type: StateType,
    name: str,
    message: str | None,
    data: Any,
    timestamp: datetime,
    scheduled_time: datetime | None,
    id: UUID,
    marks: tuple[Any, ...],
) -> State[Any]:
    state: State[Any] = State(type, name, message, data, timestamp=timestamp, scheduled_time=scheduled_time, id=id)
    state.entered, state.by_hand, state.owner, state._details = marks
    return state


_NAMES = {kind: kind.value.title() for kind in StateType}


def _factory(kind: StateType, default: str | None = None) -> Callable[..., State[Any]]:
    usual = default or _NAMES[kind]

    def make(
        name: str | None = usual,
        message: str | None = None,
        data: Any = None,
        *,
        timestamp: datetime | None = None,
        scheduled_time: datetime | None = None,
        state_details: StateDetails | Mapping[str, Any] | None = None,
    ) -> State[Any]:
        if scheduled_time is None and state_details is None:
            return State(kind, name, message, data, timestamp=timestamp)
        known = {"timestamp": timestamp, "scheduled_time": scheduled_time, "state_details": state_details}
        return State(kind, name, message, data, **known)  # type: ignore[arg-type]

    def make_due(name: str | None = usual, message: str | None = None, data: Any = None, **more: Any) -> State[Any]:
        state: State[Any] = State(kind, name, message, data, **more)
        if state.scheduled_time is None:
            state.scheduled_time = now()
        return state

    chosen = make_due if kind is StateType.SCHEDULED else make
    chosen.__name__ = chosen.__qualname__ = usual
    chosen.__doc__ = f"A state of type {kind.value}, named {usual} where no other name is given."
    return chosen


def _pausing(default: str, reschedules: bool) -> Callable[..., State[Any]]:
    def make(
        name: str | None = default,
        message: str | None = None,
        data: Any = None,
        *,
        timeout_seconds: float | None = None,
        pause_expiration_time: datetime | None = None,
        reschedule: bool = reschedules,
        pause_key: str | None = None,
        **more: Any,
    ) -> State[Any]:
        if timeout_seconds is not None and pause_expiration_time is not None:
            raise ValueError("A pause has timeout_seconds and a pause_expiration_time. Give one of them.")
        until = pause_expiration_time if timeout_seconds is None else now() + timedelta(seconds=timeout_seconds)
        state: State[Any] = State(StateType.PAUSED, name, message, data, **more)
        if until is not None or reschedule or pause_key is not None:
            details = state.state_details
            details.pause_timeout, details.pause_reschedule, details.pause_key = until, reschedule, pause_key
        return state

    make.__name__ = make.__qualname__ = default
    make.__doc__ = f"A state of type PAUSED, named {default}; its details say until when, and by which key."
    return make


Scheduled = _factory(StateType.SCHEDULED)
Late = _factory(StateType.SCHEDULED, "Late")
AwaitingRetry = _factory(StateType.SCHEDULED, "AwaitingRetry")
AwaitingConcurrencySlot = _factory(StateType.SCHEDULED, "AwaitingConcurrencySlot")
Resuming = _factory(StateType.SCHEDULED, "Resuming")
Pending = _factory(StateType.PENDING)
NotReady = _factory(StateType.PENDING, "NotReady")
Submitting = _factory(StateType.PENDING, "Submitting")
InfrastructurePending = _factory(StateType.PENDING, "InfrastructurePending")
Running = _factory(StateType.RUNNING)
Retrying = _factory(StateType.RUNNING, "Retrying")
Paused = _pausing("Paused", reschedules=False)
Suspended = _pausing("Suspended", reschedules=True)
Cancelling = _factory(StateType.CANCELLING)
Cancelled = _factory(StateType.CANCELLED)
Completed = _factory(StateType.COMPLETED)
Cached = _factory(StateType.COMPLETED, "Cached")
RolledBack = _factory(StateType.COMPLETED, "RolledBack")
Failed = _factory(StateType.FAILED)
TimedOut = _factory(StateType.FAILED, "TimedOut")
Crashed = _factory(StateType.CRASHED)


def __getattr__(name: str) -> Any:
    from importlib import import_module

    homes = {"StateDetails": "strongroom.state_details", "StateGroup": "strongroom.state_groups"}
    if name not in homes:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(homes[name]), name)


@awaitable_too
def get_state_exception(state: State[Any]) -> BaseException:
    """Why the run of a state that failed, crashed, or was cancelled did not succeed; ValueError for any other state."""
    if state.type not in UNSUCCESSFUL:
        raise ValueError(f"{state!r} is no state that failed, crashed, or was cancelled. Ask is_failed() first.")
    return state.exception()


@awaitable_too
def raise_state_exception(state: State[Any]) -> None:
    """Raise what :func:`get_state_exception` gives; nothing for a state that did not fail, crash, or get cancelled."""
    if state.type in UNSUCCESSFUL:
        raise state.exception()


async def aget_state_exception(state: State[Any]) -> BaseException:
    """Like :func:`get_state_exception`."""
    return get_state_exception(state)


async def araise_state_exception(state: State[Any]) -> None:
    """Like :func:`raise_state_exception`."""
    raise_state_exception(state)


async def get_state_result(state: State[R], raise_on_failure: bool = True) -> Any:
    """What :meth:`State.aresult` gives."""
    return await state.aresult(raise_on_failure)


def is_state_iterable(value: Any) -> bool:
    """Whether ``value`` is a list, tuple or set of one or more states, and of nothing else."""
    return type(value) in (list, tuple, set) and len(value) > 0 and all(isinstance(item, State) for item in value)


def aggregate(states: Iterable[State[Any]], data: Any = None) -> State[Any]:
    """The state of something whose parts have these ``states``: completed where all of them are.

    One that was cancelled or paused decides before one that failed; ``data`` becomes the data of the answer.
    """
    states = list(states)
    count = len(states)

    def saying(what: str, test: Callable[[State[Any]], bool]) -> str:
        return f"{sum(test(state) for state in states)}/{count} states {what}."

    if all(state.is_completed() for state in states):
        return Completed(message="All states completed.", data=data)
    if any(state.is_cancelled() for state in states):
        return Cancelled(message=saying("cancelled", State.is_cancelled), data=data)
    if any(state.is_paused() for state in states):
        return Paused(message=saying("paused", State.is_paused), data=data)
    failed = any(state.type in UNSUCCESSFUL for state in states)
    what = (
        saying("failed", lambda s: s.type in UNSUCCESSFUL)
        if failed
        else saying("are not final", lambda s: not s.is_final())
    )
    return Failed(message=what, data=data)
