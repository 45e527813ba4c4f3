"""What is planned, on a clock that stands still, goes on, and jumps."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from strongroom.clock import FixedClock, now, using_clock
from strongroom.deployments import due_runs, planning, store
from strongroom.deployments.due_runs import Scope
from strongroom.errors import InvalidSchedule, UnknownDeployment
from strongroom.journal import current_journal, using_journal
from strongroom.journal.memory import MemoryJournal
from strongroom.ledger import Ledger, current_ledger, open_ledger, using_ledger
from strongroom.schedules import Cron, Interval

from .conftest import NOON, made, names, rows, stored


def plan() -> int:
    with current_ledger().changing() as session:
        return len(planning.plan(session, store.listed(session), now()))


def test_at_least_three_runs_are_planned_and_those_of_the_next_hour(ledger: Ledger, clock: FixedClock) -> None:
    made("hourly", schedules=[Cron("0 * * * *")]).apply()
    made("often", schedules=[Cron("*/10 * * * *")]).apply()
    hourly, often = (stored(f"load/{name}").id for name in ("hourly", "often"))
    planned = rows()
    assert [run.due - NOON for run in planned if run.deployment_id == hourly] == [timedelta(hours=n) for n in (1, 2, 3)]
    due = [run.due - NOON for run in planned if run.deployment_id == often]
    assert due == [timedelta(minutes=10 * n) for n in range(1, 7)]


def test_no_more_than_a_hundred_are_planned_and_none_in_a_hundred_days(ledger: Ledger, clock: FixedClock) -> None:
    made("busy", schedules=[Interval(1, anchor_date=NOON)]).apply()
    made("rare", schedules=[Cron("0 0 1 1 *")]).apply()
    assert len(rows()) == 100
    assert {run.deployment_id for run in rows()} == {stored("load/busy").id}


def test_the_history_shows_what_is_planned(ledger: Ledger, clock: FixedClock) -> None:
    made(schedules=[Cron("0 * * * *")], tags=["night"], parameters={"n": 3}).apply()
    run = current_journal().flow_run(str(rows()[0].id))
    assert (run.state.name, run.state.scheduled_time or run.expected_start) == ("Scheduled", NOON + timedelta(hours=1))
    assert (run.deployment, run.flow_name, run.parameters_shown) == ("load/nightly", "load", {"n": 3})
    assert run.tags == {"night", "auto-scheduled"}


def test_dates_that_passed_while_nobody_planned_are_left_out(ledger: Ledger, clock: FixedClock) -> None:
    made(schedules=[Cron("0 * * * *")]).apply()
    clock.advance(timedelta(days=300))
    assert plan() == 3
    late = [run for run in rows() if run.due <= now()]
    assert len(late) == 3, "those that were planned before, and no others"


def test_a_clock_set_back_plans_nothing_twice(ledger: Ledger, clock: FixedClock) -> None:
    made(schedules=[Cron("0 * * * *")]).apply()
    first = rows()
    clock.advance(timedelta(hours=-30))
    assert plan() == 0
    assert rows() == first


def test_a_paused_deployment_plans_nothing(ledger: Ledger, clock: FixedClock) -> None:
    made(schedules=[Cron("0 * * * *")]).apply()
    id_ = stored().id
    with current_ledger().changing() as session:
        removed = store.pause(session, id_)
    assert (len(removed), rows(), plan()) == (3, [], 0)
    with current_ledger().changing() as session:
        store.pause(session, id_, paused=False)
    assert plan() == 3, "after the dates that were planned before"


def test_a_schedule_that_stays_goes_on_where_it_is(ledger: Ledger, clock: FixedClock) -> None:
    made(schedules=[Interval(3600)]).apply()
    [before], first = stored().schedules, rows()
    clock.advance(timedelta(minutes=10))
    made(schedules=[Interval(3600)], tags=["new"]).apply()
    [after] = stored().schedules
    assert (after.id, after.schedule.anchor_date) == (before.id, before.schedule.anchor_date)
    assert (rows(), stored().definition.tags) == (first, ("new",))


def test_runs_of_a_schedule_that_goes_go_too(ledger: Ledger, clock: FixedClock) -> None:
    made(schedules=[Cron("0 * * * *")]).apply()
    gone = rows()
    made(schedules=[Cron("30 * * * *")]).apply()
    assert [run.due.minute for run in rows()] == [30] * 3
    assert not {run.name for run in gone} & set(names("Scheduled"))


def test_parameters_of_a_schedule_go_with_its_runs(ledger: Ledger, clock: FixedClock) -> None:
    made(schedules=[Cron("0 * * * *", parameters={"n": 7}, slug="seven")]).apply()
    run = rows()[0]
    assert due_runs.inputs_of(run).parameters == {"n": 7}
    assert run.parameters_shown == {"n": 7}


def test_two_schedules_of_a_deployment_have_two_slugs() -> None:
    from strongroom.deployments.given_schedules import given_schedules

    with pytest.raises(InvalidSchedule, match="same slug"):
        given_schedules(schedules=[Cron("0 * * * *", slug="a"), Cron("1 * * * *", slug="a")])
    with pytest.raises(InvalidSchedule, match="interval and cron"):
        given_schedules(interval=3, cron="* * * * *")
    assert len(given_schedules(interval=[60, timedelta(hours=1)])) == 2
    assert given_schedules(schedules=[{"schedule": Cron("* * * * *"), "active": False}]) == [
        Cron("* * * * *", active=False)
    ]


def test_a_deployment_that_is_not_there_is_told_with_those_that_are(ledger: Ledger) -> None:
    made().apply()
    with pytest.raises(UnknownDeployment, match="load/nightly"):
        stored("load/nightlly")


@given(st.lists(st.tuples(st.sampled_from(["take", "plan"]), st.integers(-7200, 7200)), max_size=12))
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_however_the_clock_jumps_no_date_is_taken_twice(
    monkeypatch: pytest.MonkeyPatch, steps: list[tuple[str, int]]
) -> None:
    monkeypatch.setenv("STRONGROOM_RESULTS_SEALED", "false")
    clock = FixedClock(NOON)
    taken = []
    with using_ledger(open_ledger("memory:")), using_journal(MemoryJournal()), using_clock(clock):
        id_ = made(schedules=[Cron("*/15 * * * *")]).apply()
        for step, seconds in steps:
            clock.advance(timedelta(seconds=seconds))
            if step == "plan":
                plan()
                continue
            with current_ledger().changing() as session:
                found = due_runs.take(session, Scope((id_,)), now(), None, "1@here@").runs
                for run in found:
                    due_runs.end(session, run.id, b"")
            taken += [run.due for run in found]
            assert all(due <= now() for due in taken[len(taken) - len(found) :])
    assert len(set(taken)) == len(taken)
