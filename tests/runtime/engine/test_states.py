"""States: what they are called, what comes out of them, what several of them make."""

from __future__ import annotations

import pickle

import pytest
from strongroom import states
from strongroom.errors import CancelledRun, CrashedRun, FailedRun, MissingResult, PausedRun, UnfinishedRun
from strongroom.states import Completed, Failed, Fetch, NotKept, Pending, State, StateType, aggregate, is_state_iterable


def test_a_type_is_its_text_and_prints_as_a_member() -> None:
    kind = Failed().type
    assert (f"{kind}", str(kind), repr(kind)) == ("StateType.FAILED",) * 3
    assert (kind, kind.value, "-".join([kind]), StateType("FAILED")) == ("FAILED", "FAILED", "FAILED", kind)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("Scheduled", "SCHEDULED"),
        ("AwaitingRetry", "SCHEDULED"),
        ("Pending", "PENDING"),
        ("NotReady", "PENDING"),
        ("Running", "RUNNING"),
        ("Retrying", "RUNNING"),
        ("Paused", "PAUSED"),
        ("Suspended", "PAUSED"),
        ("Cancelling", "CANCELLING"),
        ("Cancelled", "CANCELLED"),
        ("Completed", "COMPLETED"),
        ("Cached", "COMPLETED"),
        ("Failed", "FAILED"),
        ("TimedOut", "FAILED"),
        ("Crashed", "CRASHED"),
    ],
)
def test_each_name_has_its_type(name: str, kind: str) -> None:
    state = getattr(states, name)(message="why")
    assert (state.name, state.type, state.message) == (name, StateType(kind), "why")
    assert getattr(state, f"is_{kind.lower()}")()
    assert [t for t in StateType if getattr(state, f"is_{t.value.lower()}")()] == [StateType(kind)]
    assert state.is_final() == (kind in {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"})


def test_a_completed_state_gives_its_value() -> None:
    assert Completed(data=42).result() == 42
    assert Completed(name="Skipped").result() is None
    assert Completed(data=Fetch(lambda: "from storage")).result() == "from storage"
    with pytest.raises(MissingResult):
        Completed(data=NotKept()).result()


def test_a_failed_state_raises_or_returns_its_exception() -> None:
    error = ValueError("boom")
    with pytest.raises(ValueError, match="boom"):
        Failed(data=error).result()
    assert Failed(data=error).result(raise_on_failure=False) is error


@pytest.mark.parametrize(
    ("state", "error"),
    [
        (Failed(message="why"), FailedRun),
        (Failed(data="why"), FailedRun),
        (states.Crashed(message="why"), CrashedRun),
        (states.Cancelled(message="why"), CancelledRun),
    ],
)
def test_a_state_without_an_exception_raises_one_with_its_message(state: State[None], error: type[Exception]) -> None:
    with pytest.raises(error, match="why"):
        state.result()
    given = state.result(raise_on_failure=False)
    assert given == "why" if state.data else isinstance(given, error)


def test_a_failure_that_says_nothing_has_a_sentence_of_its_own() -> None:
    with pytest.raises(FailedRun, match=r"^Run failed\.$"):
        Failed().result()


def test_a_run_that_is_not_over_has_no_result() -> None:
    with pytest.raises(UnfinishedRun, match="Pending"):
        Pending().result()
    with pytest.raises(PausedRun):
        states.Paused().result()


@pytest.mark.parametrize(
    ("parts", "kind", "message"),
    [
        ([Completed(), Completed()], "COMPLETED", "All states completed."),
        ([Completed(), Failed()], "FAILED", "1/2 states failed."),
        ([states.Crashed(), Failed(), Completed()], "FAILED", "2/3 states failed."),
        ([states.Cancelled(), Failed()], "CANCELLED", "1/2 states cancelled."),
        ([states.Paused(), Failed()], "PAUSED", "1/2 states paused."),
        ([Pending(), Completed()], "FAILED", "1/2 states are not final."),
    ],
)
def test_several_states_decide_together(parts: list[State[None]], kind: str, message: str) -> None:
    state = aggregate(parts, data=parts)
    assert (state.type, state.message) == (StateType(kind), message)
    assert state.result(raise_on_failure=False) == parts if kind != "PAUSED" else True


def test_a_failure_inside_is_what_the_whole_raises() -> None:
    parts = [Completed(), Failed(data=ValueError("inner"))]
    with pytest.raises(ValueError, match="inner"):
        aggregate(parts, data=parts).result()


def test_what_counts_as_several_states() -> None:
    assert is_state_iterable([Completed()])
    assert is_state_iterable((Completed(), Failed()))
    assert is_state_iterable({Completed()})
    assert not is_state_iterable([])
    assert not is_state_iterable([Completed(), 1])
    assert not is_state_iterable({"a": Completed()})


def test_a_state_can_be_read_and_pickled() -> None:
    assert str(Failed(message="why")) == "Failed('why')"
    assert str(Completed()) == "Completed()"
    assert repr(Completed(name="Skipped")) == "Skipped(message=None, type=COMPLETED)"
    state = Completed(data=[1])
    copy = pickle.loads(pickle.dumps(state))
    assert (copy.id, copy.type, copy.data, copy.timestamp) == (state.id, state.type, [1], state.timestamp)
