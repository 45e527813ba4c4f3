"""The rules as tables: what happened, the effects in order, the final state. Nothing runs."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strongroom.errors import CancelledRun, ParameterTypeError, Pause, TaskRunTimeoutError, UpstreamTaskError
from strongroom.retries import Retries
from strongroom.rules import (
    Abandon,
    Ask,
    Call,
    Enter,
    Gather,
    Keep,
    LookUp,
    Policy,
    Prepare,
    Recall,
    Settle,
    Sleep,
    Undo,
    rules_of_a_run,
)
from strongroom.states import Cached, Completed, Failed, State, Suspended
from strongroom.timeouts import Expired

BOOM = ValueError("boom")


def course(
    policy: Policy,
    *happenings: Any,
    asked: bool = True,
    found: State[Any] | None = None,
    again: BaseException | None = None,
    undone: bool = False,
) -> list[str]:
    """The states and effects that the rules want, when the calls of the function have these outcomes."""
    outcomes = list(happenings)
    steps = rules_of_a_run(policy)
    seen: list[str] = []
    reply: Any = None
    error: BaseException | None = None
    while True:
        try:
            effect = steps.send(reply) if error is None else steps.throw(error)
        except StopIteration as end:
            return [*seen, f"= {end.value.type.value}"]
        reply = error = None
        match effect:
            case Enter(state):
                seen.append(state.name)
                reply = state
            case Prepare() | Call():
                seen.append(type(effect).__name__)
                outcome = outcomes.pop(0)
                error, reply = (outcome, None) if isinstance(outcome, BaseException) else (None, outcome)
            case Recall() | LookUp():
                seen.append(type(effect).__name__)
                reply = found
            case Gather(value):
                reply = value
            case Keep(state):
                seen.append("Keep")
                reply = state
            case Settle():
                seen.append("Settle")
            case Undo(final) if undone:
                seen.append("Undo" if final else "Start over")
            case Ask():
                seen.append("Ask")
                reply = asked
            case Sleep(seconds):
                seen.append(f"Sleep {seconds:g}")
            case Abandon(interrupt):
                seen.append("Interrupt" if interrupt else "Abandon")
                error = again


TASK = Policy("Task")
FLOW = Policy("Flow", gathers=True)
TWICE = Policy("Task", Retries(2, (1.0, 10.0)))
AT_ONCE = Policy("Task", Retries(1))
DURABLE = Policy("Task", durable=True)
EXPIRED = Expired(5.0)


@pytest.mark.parametrize(
    ("policy", "happenings", "expected"),
    [
        (TASK, [42], "Running Call Keep Completed = COMPLETED"),
        (TASK, [BOOM], "Running Call Failed = FAILED"),
        (TASK, [EXPIRED], "Running Call TimedOut = FAILED"),
        (TASK, [CancelledRun("no")], "Running Call Cancelled = CANCELLED"),
        (TASK, [KeyboardInterrupt()], "Running Call Crashed = CRASHED"),
        (TASK, [SystemExit(3)], "Running Call Crashed = CRASHED"),
        (TASK, [asyncio.CancelledError()], "Running Call Crashed = CRASHED"),
        (TASK, [GeneratorExit()], "Running Call Completed = COMPLETED"),
        (TASK, [Failed(message="said so")], "Running Call Failed = FAILED"),
        (TASK, [Completed(name="Skipped")], "Running Call Keep Skipped = COMPLETED"),
        (DURABLE, [42], "Running Call Keep Completed Settle = COMPLETED"),
        (DURABLE, [BOOM], "Running Call Failed = FAILED"),
        (FLOW, [[Completed(), Failed()]], "Running Call Failed = FAILED"),
        (FLOW, [(Completed(), Completed())], "Running Call Keep Completed = COMPLETED"),
        (FLOW, [[Completed(), "no state"]], "Running Call Keep Completed = COMPLETED"),
        (FLOW, [[]], "Running Call Keep Completed = COMPLETED"),
        (FLOW, [BOOM], "Running Call Abandon Failed = FAILED"),
        (FLOW, [EXPIRED], "Running Call Interrupt TimedOut = FAILED"),
        (FLOW, [KeyboardInterrupt()], "Running Call Interrupt Crashed = CRASHED"),
        (AT_ONCE, [BOOM, 42], "Running Call Retrying Call Keep Completed = COMPLETED"),
        (AT_ONCE, [EXPIRED, 42], "Running Call Retrying Call Keep Completed = COMPLETED"),
        (AT_ONCE, [Failed(), 42], "Running Call Retrying Call Keep Completed = COMPLETED"),
        (AT_ONCE, [BOOM, BOOM], "Running Call Retrying Call Failed = FAILED"),
        (AT_ONCE, [CancelledRun("no")], "Running Call Cancelled = CANCELLED"),
        (AT_ONCE, [KeyboardInterrupt()], "Running Call Crashed = CRASHED"),
        (
            TWICE,
            [BOOM, BOOM, BOOM],
            "Running Call AwaitingRetry Sleep 1 Retrying Call AwaitingRetry Sleep 10 Retrying Call Failed = FAILED",
        ),
    ],
)
def test_what_happens_decides_the_states(policy: Policy, happenings: list[Any], expected: str) -> None:
    assert " ".join(course(policy, *happenings)) == expected


@pytest.mark.parametrize(
    ("happening", "expected"),
    [
        (None, "Prepare Running Call Keep Completed = COMPLETED"),
        (UpstreamTaskError("x"), "Prepare NotReady = PENDING"),
        (ParameterTypeError("x"), "Prepare Failed = FAILED"),
        (BOOM, "Prepare Failed = FAILED"),
        (KeyboardInterrupt(), "Prepare Crashed = CRASHED"),
    ],
)
def test_what_forbids_a_run_to_begin(happening: Any, expected: str) -> None:
    assert " ".join(course(Policy("Task", prepares=True), happening, 42)) == expected


@pytest.mark.parametrize(
    ("policy", "found", "expected"),
    [
        (Policy("Task", recalls=True), Completed(), "Recall Completed = COMPLETED"),
        (Policy("Task", recalls=True), None, "Recall Running Call Keep Completed = COMPLETED"),
        (Policy("Task", caches=True), Cached(), "LookUp Cached = COMPLETED"),
        (Policy("Task", caches=True), None, "LookUp Running Call Keep Completed = COMPLETED"),
        (Policy("Task", recalls=True, caches=True), None, "Recall LookUp Running Call Keep Completed = COMPLETED"),
    ],
)
def test_what_is_known_already_is_not_run(policy: Policy, found: State[Any] | None, expected: str) -> None:
    assert " ".join(course(policy, 42, found=found)) == expected


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (True, "Running Call Ask Retrying Call Failed = FAILED"),
        (False, "Running Call Ask Failed = FAILED"),
    ],
)
def test_a_condition_decides_about_another_attempt(asked: bool, expected: str) -> None:
    policy = Policy("Task", Retries(1), asks=True)
    assert " ".join(course(policy, BOOM, BOOM, asked=asked)) == expected


def test_a_second_interrupt_ends_the_waiting_and_is_recorded_too() -> None:
    seen = course(FLOW, KeyboardInterrupt(), again=KeyboardInterrupt())
    assert " ".join(seen) == "Running Call Interrupt Crashed = CRASHED"


def test_a_timeout_is_an_error_of_its_own() -> None:
    steps = rules_of_a_run(TASK)
    effect = next(steps)
    while True:
        reply = EXPIRED if isinstance(effect, Call) else effect.state if isinstance(effect, Enter) else None
        try:
            effect = steps.send(reply)
        except StopIteration as end:
            state = end.value
            break
    assert isinstance(state.data, TaskRunTimeoutError)
    assert state.message == "Task run exceeded timeout of 5.0 second(s)"


@given(
    st.lists(
        st.sampled_from([42, BOOM, EXPIRED, CancelledRun("no"), KeyboardInterrupt(), Failed()]), min_size=6, max_size=6
    ),
    st.integers(0, 5),
    st.booleans(),
    st.booleans(),
)
def test_every_course_ends_in_one_final_state(outcomes: list[Any], retries: int, asks: bool, asked: bool) -> None:
    seen = course(Policy("Flow", Retries(retries), asks=asks, gathers=True), *outcomes, asked=asked)
    assert seen[-1].startswith("= ")
    assert seen.count("Running") == 1
    assert seen.count("Call") == 1 + seen.count("Retrying") <= retries + 1


@pytest.mark.parametrize(
    ("policy", "happenings", "found", "expected"),
    [
        (TASK, [BOOM], None, "Running Call Undo Failed = FAILED"),
        (TASK, [KeyboardInterrupt()], None, "Running Call Undo Crashed = CRASHED"),
        (AT_ONCE, [BOOM, 1], None, "Running Call Start over Retrying Call Keep Completed = COMPLETED"),
        (AT_ONCE, [BOOM, BOOM], None, "Running Call Start over Retrying Call Undo Failed = FAILED"),
        (FLOW, [BOOM], None, "Running Call Abandon Failed = FAILED"),
        (Policy("Task", transacts=True), [1], None, "LookUp Running Call Keep Completed = COMPLETED"),
        (Policy("Task", transacts=True), [], Cached(), "LookUp Cached = COMPLETED"),
        (Policy("Task", recalls=True, transacts=True), [], Completed(), "Recall Keep Completed = COMPLETED"),
        (Policy("Task", recalls=True), [], Completed(), "Recall Completed = COMPLETED"),
    ],
)
def test_what_a_transaction_is_told(
    policy: Policy, happenings: list[Any], found: State[Any] | None, expected: str
) -> None:
    assert " ".join(course(policy, *happenings, found=found, undone=True)) == expected


def test_a_task_that_is_suspended_undoes_nothing() -> None:
    assert "Undo" not in course(TASK, Pause(Suspended()), undone=True)
