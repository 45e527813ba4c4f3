"""The rules of a run: what happened → the next state, and what to do about it. No input or output happens here.

:func:`rules_of_a_run` is a generator. It yields what is to be done (an effect), is sent what came of it, and is thrown
what was raised; it returns the final state. :mod:`strongroom.engine` carries the effects out, in either colour::

    Prepare ─ raised ──────────────────────────────► Failed, NotReady or Crashed
       │
    Recall ── this run completed before ───────────► Completed (what a resumption finds)
       │
    LookUp (the transaction begins) ── the cache has it ► Cached
       │
    Occupy ── its tags' limits are used up ────────► AwaitingConcurrencySlot, and Occupy waits
       │
    Running, Call ── took too long ──┐
       │      └───── raised ─────────┤  retries left, and Ask agrees: AwaitingRetry, Sleep, Retrying, Call again
       │                             └─ Abandon ───► Failed, TimedOut, Cancelled or Crashed
    Gather (futures that were returned become states; for a flow, its tasks end)
       │
    Keep (results that persist, or that a resumption needs; the transaction ends)
       └───────────────────────────────────────────► Completed, or what was returned says; Settle where it is durable

    A task's attempt that fails is undone (Undo) where it is a transaction, and so is what was done inside of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

from strongroom.errors import (
    Cancellation,
    CancelledRun,
    FlowRunTimeoutError,
    ParameterProblem,
    Pause,
    TaskRunTimeoutError,
    TerminationSignal,
    UpstreamTaskError,
)
from strongroom.retries import Retries
from strongroom.states import (
    AwaitingConcurrencySlot,
    AwaitingRetry,
    Cancelled,
    Completed,
    Crashed,
    Failed,
    NotReady,
    Retrying,
    Running,
    State,
    TimedOut,
    aggregate,
    is_state_iterable,
)
from strongroom.timeouts import Expired, TimeIsUp

NO_RETRIES = Retries()


@dataclass(frozen=True, slots=True)
class Policy:
    """What the rules have to know of a run; nothing else about it matters to them.

    ``prepares``: inputs have to be resolved or validated; ``recalls``: it may have completed before; ``caches``: it may
    be in the cache; ``asks``: a ``retry_condition_fn`` decides; ``gathers``: tasks may run beside it that end with it;
    ``occupies``: its tags may have limits, so that it needs slots while it is Running; ``durable``: once it completed
    it is never carried out again.
    """

    kind: Literal["Flow", "Task"]
    retries: Retries = NO_RETRIES
    timeout_seconds: float | None = None
    prepares: bool = False
    recalls: bool = False
    caches: bool = False
    asks: bool = False
    gathers: bool = False
    transacts: bool = False
    occupies: bool = False
    durable: bool = False


@dataclass(frozen=True, slots=True)
class Enter:
    """The run is in this state now: record it, say it, call the hooks."""

    state: State[Any]


@dataclass(frozen=True, slots=True)
class Prepare:
    """Wait for inputs that other runs make, and validate. Raises what forbids the run to begin."""


@dataclass(frozen=True, slots=True)
class Recall:
    """Has this very run completed before? A state, or None."""


@dataclass(frozen=True, slots=True)
class LookUp:
    """Has the cache a result for it? A state, or None."""


@dataclass(frozen=True, slots=True)
class Occupy:
    """Take the slots that the run needs. Gives what they are wanting of, "" where they are taken; or waits for them."""

    waits: bool = False


@dataclass(frozen=True, slots=True)
class Vacate:
    """Give the slots back."""


@dataclass(frozen=True, slots=True)
class Call:
    """Call the function. Gives what it returns, or :class:`~strongroom.timeouts.Expired`."""

    timeout_seconds: float | None


@dataclass(frozen=True, slots=True)
class Gather:
    """Wait for the runs that belong to this one. Gives the returned value with states in place of futures."""

    value: Any


@dataclass(frozen=True, slots=True)
class Abandon:
    """Cancel the runs that belong to this one and have not begun, and wait for the others, or end those too."""

    interrupt: bool


@dataclass(frozen=True, slots=True)
class Ask:
    """Does the ``retry_condition_fn`` want another attempt after this state?"""

    state: State[Any]


@dataclass(frozen=True, slots=True)
class Sleep:
    """Wait before the next attempt."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Keep:
    """Store the result where it persists. Gives the state with its result as it is to be held."""

    state: State[Any]


@dataclass(frozen=True, slots=True)
class Settle:
    """Have the run history on the disk before the caller goes on."""


@dataclass(frozen=True, slots=True)
class Undo:
    """An attempt failed: roll back what was done in it, and where it is the last one, what it is part of."""

    final: bool


Effect = (
    Enter | Prepare | Recall | LookUp | Occupy | Vacate | Call | Gather | Abandon | Ask | Sleep | Keep | Undo | Settle
)
Steps = Generator[Effect, Any, State[Any]]

PREPARE, RECALL, LOOK_UP, SETTLE = Prepare(), Recall(), LookUp(), Settle()
CALL = Call(None)
UNDO, START_OVER = Undo(final=True), Undo(final=False)
OCCUPY, WAIT_TO_OCCUPY, VACATE = Occupy(), Occupy(waits=True), Vacate()


def rules_of_a_run(policy: Policy) -> Steps:
    """The one course that every run takes, of a flow or a task, in either colour."""
    try:
        state = yield from _found_or_run(policy)
    except BaseException as error:
        if policy.gathers:
            with suppress(BaseException):  # a second interrupt ends the waiting, and the state is recorded all the same
                yield Abandon(interrupt=not isinstance(error, Exception | Pause))
        if policy.kind == "Task" and not isinstance(error, Pause):
            with suppress(BaseException):
                yield UNDO
        state = ended_by(error, policy)
    state = yield Enter(state)
    if policy.durable and state.is_completed():
        yield SETTLE
    return state  # type: ignore[no-any-return]


def rules_before_a_worker(policy: Policy) -> Generator[Effect, Any, State[Any] | None]:
    """The part of the course that precedes a worker, which takes it up at LookUp. None: the worker is to go on."""
    try:
        state = yield from _found(policy)
    except BaseException as error:
        state = ended_by(error, policy)
    return None if state is None else (yield Enter(state))


def _found_or_run(policy: Policy) -> Steps:
    if (policy.prepares or policy.recalls) and (state := (yield from _found(policy))) is not None:
        return state
    if (policy.caches or policy.transacts) and (found := (yield LOOK_UP)) is not None:
        return found  # type: ignore[no-any-return]
    state = yield from _attempts(policy)
    if state.is_completed():
        state = yield Keep(state)
    elif policy.kind == "Task":
        yield UNDO
    return state


def _found(policy: Policy) -> Generator[Effect, Any, State[Any] | None]:
    if policy.prepares:
        try:
            yield PREPARE
        except UpstreamTaskError as error:
            return NotReady(message=str(error), data=error)
        except ParameterProblem as error:
            what = f"Validation of {policy.kind.lower()} parameters failed with error"
            return Failed(message=f"{what}: {error}", data=error)
    found = (yield RECALL) if policy.recalls else None
    return found if found is None or not policy.transacts else (yield Keep(found))


def _attempts(policy: Policy) -> Steps:
    if policy.occupies:
        yield from _slots()
    yield Enter(Running())
    retry = 0
    while True:
        state = yield from _attempt(policy)
        if policy.occupies:
            yield VACATE
        if not state.is_failed() or retry >= policy.retries.count:
            return state
        if policy.asks and not (yield Ask(state)):
            return state
        if policy.kind == "Task":
            yield START_OVER
        delay = policy.retries.delay(retry)
        retry += 1
        if delay > 0:
            yield Enter(awaiting_retry(state, delay))
            yield Sleep(delay)
        if policy.occupies:
            yield from _slots()
        yield Enter(Retrying())


def _slots() -> Generator[Effect, Any, None]:
    if wanting := (yield OCCUPY):
        yield Enter(AwaitingConcurrencySlot(message=f"All slots are taken: {wanting}."))
        yield WAIT_TO_OCCUPY


def _attempt(policy: Policy) -> Steps:
    try:
        value = yield CALL if policy.timeout_seconds is None else Call(policy.timeout_seconds)
        if type(value) is Expired:
            if policy.gathers:
                yield Abandon(interrupt=True)
            return timed_out(value, policy)
        return returned((yield Gather(value)) if policy.gathers else value)
    except Exception as error:
        if policy.gathers:
            yield Abandon(interrupt=False)
        return ended_by(error, policy)


def returned(value: Any) -> State[Any]:
    """The state of a run that returned ``value``: states decide, everything else is a success.

    A state that the function made is the run's; states of other runs are summed up, and are the data of that.
    """
    if isinstance(value, State):
        return aggregate([value], data=value) if value.entered else _adopted(value)
    if is_state_iterable(value):
        return aggregate(value, data=value)
    return Completed(data=value)


def _adopted(state: State[Any]) -> State[Any]:
    own = state.model_copy(update={"id": None})
    own.by_hand = True
    return own


def ended_by(error: BaseException, policy: Policy) -> State[Any]:
    """The state of a run that ``error`` ended."""
    if isinstance(error, Pause):
        return error.state.model_copy(update={"id": None, "data": error})
    if isinstance(error, CancelledRun | Cancellation):
        return Cancelled(message=_words(error) or None, data=error)
    if isinstance(error, Exception):
        words = _words(error)
        shown = f"{type(error).__name__}: {words}" if words else type(error).__name__
        colon = ":" if policy.kind == "Flow" else ""
        return Failed(message=f"{policy.kind} run encountered an exception{colon} {shown}", data=error)
    if isinstance(error, GeneratorExit):
        return Completed(message="The caller stopped iterating before the end.")
    if isinstance(error, KeyboardInterrupt):
        how = "aborted by an interrupt signal"
    elif isinstance(error, TerminationSignal):
        how = "aborted by a termination signal"
    elif isinstance(error, SystemExit):
        how = "aborted by Python system exit call"
    elif isinstance(error, TimeIsUp):
        how = "ended by the timeout of a run that called this one"
    elif isinstance(error, asyncio.CancelledError):
        how = "cancelled by the runtime environment"
    else:
        how = f"aborted by {type(error).__name__}"
    return Crashed(message=f"Execution was {how}.", data=error)


def _words(error: BaseException) -> str:
    """What an exception says; nothing, where saying it raises another one."""
    try:
        return str(error)
    except Exception:
        return ""


def timed_out(expired: Expired, policy: Policy) -> State[Any]:
    """The state of a run that took too long."""
    kind = FlowRunTimeoutError if policy.kind == "Flow" else TaskRunTimeoutError
    message = f"{policy.kind} run {expired}"
    return TimedOut(message=message, data=kind(message))


def awaiting_retry(state: State[Any], delay: float) -> State[Any]:
    """The state between two attempts, the first of which ended in ``state``."""
    due = state.timestamp + timedelta(seconds=delay)
    return AwaitingRetry(message=state.message, data=state.data, scheduled_time=due)
