"""States by every documented name, alone and in groups."""

from __future__ import annotations

import asyncio
import pickle
from datetime import UTC, datetime, timedelta

import pytest
from strongroom import State, states
from strongroom.client.schemas.objects import TERMINAL_STATES, StateType
from strongroom.states import Completed, Failed, Paused, Running, Scheduled, StateGroup, Suspended

NAMES = [
    ("Scheduled", "SCHEDULED"),
    ("Late", "SCHEDULED"),
    ("AwaitingRetry", "SCHEDULED"),
    ("AwaitingConcurrencySlot", "SCHEDULED"),
    ("Resuming", "SCHEDULED"),
    ("Pending", "PENDING"),
    ("Submitting", "PENDING"),
    ("InfrastructurePending", "PENDING"),
    ("Running", "RUNNING"),
    ("Retrying", "RUNNING"),
    ("Paused", "PAUSED"),
    ("Suspended", "PAUSED"),
    ("Cancelling", "CANCELLING"),
    ("Cancelled", "CANCELLED"),
    ("Completed", "COMPLETED"),
    ("Cached", "COMPLETED"),
    ("RolledBack", "COMPLETED"),
    ("Failed", "FAILED"),
    ("TimedOut", "FAILED"),
    ("Crashed", "CRASHED"),
]


@pytest.mark.parametrize(("name", "kind"), NAMES)
def test_a_state_of_each_name_has_its_type(name: str, kind: str) -> None:
    state = getattr(states, name)(message="why")
    assert (state.name, state.type, state.message) == (name, kind, "why")
    assert state.is_final() is (state.type in TERMINAL_STATES)
    assert pickle.loads(pickle.dumps(state)).name == name


def test_a_star_import_brings_states_and_nothing_else() -> None:
    namespace: dict[str, object] = {}
    exec("from strongroom.states import *", namespace)
    assert namespace["Completed"] is Completed
    assert not {"datetime", "Any", "now", "UUID"} & namespace.keys()


def test_a_scheduled_state_is_due_now_unless_it_says_when() -> None:
    due = datetime(2026, 1, 1, tzinfo=UTC)
    assert Scheduled(scheduled_time=due).state_details.scheduled_time == due
    assert Scheduled().scheduled_time is not None
    assert State(type="SCHEDULED", state_details={"scheduled_time": due}).scheduled_time == due


def test_a_pause_says_until_when_and_how() -> None:
    until = datetime(2026, 1, 1, tzinfo=UTC)
    paused = Paused(pause_expiration_time=until, pause_key="approval").state_details
    assert (paused.pause_timeout, paused.pause_key, paused.pause_reschedule) == (until, "approval", False)
    before = states.now()
    suspended = Suspended(timeout_seconds=60).state_details
    assert suspended.pause_reschedule
    assert suspended.pause_timeout is not None
    assert before + timedelta(seconds=60) <= suspended.pause_timeout
    with pytest.raises(ValueError, match="Give one of them"):
        Paused(timeout_seconds=1, pause_expiration_time=until)


def test_a_group_counts() -> None:
    group = StateGroup([Completed(), Failed(), Running()])
    assert group.counts_message() == "total=3, not_final=1, 'COMPLETED'=1, 'FAILED'=1, 'RUNNING'=1"
    assert (group.total_count, group.fail_count, group.not_final_count, group.final_count) == (3, 1, 1, 2)
    assert (group.all_completed(), group.all_final(), group.any_failed()) == (False, False, True)
    assert (group.any_cancelled(), group.any_paused(), group.cancelled_count) == (False, False, 0)
    assert StateGroup([Completed()]).all_completed()


def test_a_state_tells_its_name_and_where_that_is_another_one_its_type() -> None:
    assert str(Completed(message="hello", name="Nice")) == "Nice('hello', type=COMPLETED)"
    assert str(Failed()) == "Failed()"


def test_a_copy_is_another_state_with_other_attributes() -> None:
    given = Completed(data=1)
    for copied in (given.copy(update={"name": "Z"}), given.model_copy(update={"name": "Z"})):
        assert (copied.name, copied.type, copied.data, given.name) == ("Z", StateType.COMPLETED, 1, "Completed")
    assert State(type="COMPLETED").name == "Completed"


def test_the_asynchronous_names_give_the_same() -> None:
    error = ValueError("x")
    assert asyncio.run(states.aget_state_exception(Failed(data=error))) is error
    with pytest.raises(ValueError, match="x"):
        asyncio.run(states.araise_state_exception(Failed(data=error)))
    assert asyncio.run(states.get_state_result(Completed(data=3))) == 3
