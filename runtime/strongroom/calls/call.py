"""What calls of flows and tasks share: entering states, and what the engine asks of a call."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from contextvars import Token
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol
from uuid import UUID

from strongroom_blocks.redaction import redactor

from strongroom.context import FlowRunContext, TaskRunContext, _current
from strongroom.errors import ParameterProblem
from strongroom.journal.records import FlowRun, StateEvent, TaskRun
from strongroom.observation import observers, tell
from strongroom.rules import Policy
from strongroom.states import State, StateType

if TYPE_CHECKING:
    from strongroom.concurrency.tag_limits import TagSlots
    from strongroom.logging import RunLogger

Hook = Callable[..., Any]


class Call(Protocol):
    """A run in the making. The methods are the effects of :mod:`strongroom.rules`; none of them knows a colour."""

    policy: Policy
    function: Callable[..., Any]
    is_async: bool
    is_generator: bool
    log_prints: bool
    transaction: Any
    slots: TagSlots | None

    def enter(self, state: State[Any]) -> State[Any]:
        """Record a state; gives it as it was recorded, without secrets in its message."""

    def hooks(self, state: State[Any]) -> Sequence[Callable[[], Any]]:
        """What users want called in this state."""

    def arguments(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """What to call the function with, in this attempt."""

    def prepare(self) -> None:
        """Resolve and validate the inputs."""

    def recall(self) -> State[Any] | None:
        """This very run's result from before, if it completed before."""

    def look_up(self) -> State[Any] | None:
        """The cache's result."""

    def gather(self, value: Any) -> Any:
        """Wait for what belongs to the run; states in place of futures."""

    def abandon(self, interrupt: bool) -> None:
        """End what belongs to the run."""

    def keep(self, state: State[Any]) -> State[Any]:
        """Store the result where it persists."""

    def transact(self, effect: Any) -> Any:
        """The steps that LookUp, Keep or Undo means where the call is a transaction."""

    def meaning(self, error: BaseException) -> BaseException:
        """What was raised, or what it stands for where somebody ends the run from outside."""

    def settle(self) -> None:
        """Have the run on the disk before its caller goes on."""

    def condition(self, state: State[Any]) -> Callable[[], Any]:
        """The ``retry_condition_fn``, ready to be called."""

    def may_block(self, effect: Any) -> bool:
        """Whether an effect waits for a disk or for other runs, so that an event loop should not."""

    def over(self) -> None:
        """The final state was entered: let go of everything."""

    @property
    def logger(self) -> RunLogger:
        """The run's logger."""


SMALL = frozenset({type(None), bool, int, float})
"""Results of these types are kept in next to no time."""


def child_id(parent: UUID, key: str) -> UUID:
    """The id of the call ``key`` of a run: the same in each resumption of it."""
    digest = hashlib.blake2b(key.encode(), digest_size=16, key=parent.bytes).digest()
    return UUID(int=_stamped(digest))


def _stamped(digest: bytes) -> int:
    """The digest with the marks of a UUID of version 8 (RFC 9562), whose bits are free."""
    number = int.from_bytes(digest, "big")
    return number & ~(0xF000 << 64) & ~(0xC000 << 48) | 8 << 76 | 0x8000 << 48


def record_state(run: FlowRun | TaskRun, state: State[Any]) -> State[Any]:
    """Put a run into a state: its history, its times, the number of its attempts."""
    by_hand, resumes = state.by_hand, run.state.type is StateType.PAUSED
    if state.message is not None and (message := redactor.redact(state.message)) != state.message:
        state = State(
            state.type,
            state.name,
            message,
            state.data,
            timestamp=state.timestamp,
            scheduled_time=state.scheduled_time,
            state_details=state._details,
        )
        state.by_hand = by_hand
    state.entered = True
    state.owner = (run.id, None) if type(run) is FlowRun else (run.flow_run_id, run.id)  # type: ignore[union-attr]
    run.state = state
    run.history.append(StateEvent(state.type, state.name, state.message or "", state.timestamp))
    if state.type is StateType.RUNNING:
        run.run_count += not resumes
        if run.start_time is None:
            run.start_time = state.timestamp
    elif state.is_final() or state.name == "NotReady":
        run.end_time = state.timestamp
    if observers:
        tell(run)
    return state


def enter_context(context: FlowRunContext | TaskRunContext) -> Token[FlowRunContext | TaskRunContext | None]:
    """The calling code is part of this run from now on."""
    return _current.set(context)


def leave_context(token: Token[FlowRunContext | TaskRunContext | None]) -> None:
    """It is part of what it was part of before."""
    _current.reset(token)


def traceback_of(error: BaseException) -> Any:
    """What a log shows of an exception: its frames from the user's function on, or None where it was logged before.

    Arguments that do not fit say so in a sentence, and were refused in no code of the user's.
    """
    if getattr(error, "__strongroom_logged__", False) or isinstance(error, ParameterProblem):
        return None
    with suppress(AttributeError):
        error.__strongroom_logged__ = True  # type: ignore[attr-defined]
    return type(error), error, frames_of(error)


def frames_of(error: BaseException) -> TracebackType | None:
    """The frames of an exception without those of the engine between a call and the function that was called; all of
    them where it did not get to such a function."""
    theirs = []
    frame = error.__traceback__
    while frame is not None:
        if not frame.tb_frame.f_globals.get("__name__", "").startswith(_ENGINE):
            theirs.append(frame)
        frame = frame.tb_next
    kept: TracebackType | None = None
    for frame in reversed(theirs):
        kept = TracebackType(kept, frame.tb_frame, frame.tb_lasti, frame.tb_lineno)
    return kept or error.__traceback__


_ENGINE = (
    "strongroom.calls",
    "strongroom.engine",
    "strongroom.flows",
    "strongroom.futures",
    "strongroom.rules",
    "strongroom.states",
    "strongroom.task_runners",
    "strongroom.tasks",
    "strongroom.timeouts",
)
