"""Who takes a run: one process alone, within limits, and what becomes of those whose process is gone."""

from __future__ import annotations

import subprocess
import sys
import threading
from datetime import timedelta

import pytest
from strongroom.clock import FixedClock, now
from strongroom.deployments import due_runs, pools, run_deployment
from strongroom.deployments.due_runs import Scope, Taken
from strongroom.deployments.limits import ConcurrencyLimitConfig
from strongroom.errors import InvalidDeployment, LedgerUnavailable, UnknownDeployment, UnknownWorkPool
from strongroom.journal import current_journal, using_journal
from strongroom.ledger import Ledger, current_ledger, using_ledger
from strongroom.processes import this_process
from strongroom.runner.runner import Runner
from strongroom.schedules import Cron

from .conftest import NOON, made, names, rows, stored

ME = this_process()


def take(scope: Scope, room: int | None = None, holder: str = ME) -> Taken:
    with current_ledger().changing() as session:
        return due_runs.take(session, scope, now(), room, holder)


def ask(count: int, name: str = "load/nightly", **options: object) -> None:
    for _ in range(count):
        run_deployment(name, timeout=0, **options)


def of_a_dead_process() -> str:
    """The name of a process that is over."""
    done = subprocess.run(
        [sys.executable, "-c", "from strongroom.processes import this_process; print(this_process())"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout.strip()


def test_a_run_is_taken_when_it_is_due_and_by_one_alone(ledger: Ledger, clock: FixedClock) -> None:
    scope = Scope((made(schedules=[Cron("0 * * * *")]).apply(),))
    assert take(scope).runs == ()
    clock.advance(timedelta(hours=1))
    [run] = take(scope).runs
    assert run.due == NOON + timedelta(hours=1)
    assert take(scope).runs == ()


def test_of_many_that_ask_at_once_one_gets_a_run(ledger: Ledger, clock: FixedClock) -> None:
    scope = Scope((made().apply(),))
    ask(5)
    journal = current_journal()
    taken: list[str] = []

    def work() -> None:
        with using_ledger(ledger), using_journal(journal):
            while found := take(scope, room=1).runs:
                taken.extend(run.name for run in found)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == sorted(run.name for run in rows())


def test_the_earliest_are_taken_first_as_many_as_there_is_room_for(ledger: Ledger, clock: FixedClock) -> None:
    scope = Scope((made().apply(),))
    for minutes in (3, 1, 2):
        run_deployment("load/nightly", timeout=0, scheduled_time=NOON - timedelta(minutes=minutes))
    assert [NOON - run.due for run in take(scope, room=2).runs] == [timedelta(minutes=3), timedelta(minutes=2)]


def test_a_limit_of_a_deployment_holds_for_all_processes(ledger: Ledger, clock: FixedClock) -> None:
    scope = Scope((made(concurrency_limit=2).apply(),))
    ask(3)
    first = take(scope, holder="1@elsewhere@")
    assert (len(first.runs), len(first.queued)) == (2, 1)
    assert take(scope).runs == ()
    with current_ledger().changing() as session:
        due_runs.end(session, first.runs[0].id, b"")
    assert len(take(scope).runs) == 1


def test_a_run_beyond_the_limit_can_be_refused(ledger: Ledger, clock: FixedClock) -> None:
    scope = Scope((made(concurrency_limit=ConcurrencyLimitConfig(1, "CANCEL_NEW")).apply(),))  # type: ignore[arg-type]
    ask(2)
    found = take(scope)
    assert (len(found.runs), len(found.refused)) == (1, 1)
    with pytest.raises(InvalidDeployment, match="limit of 0"):
        made(concurrency_limit=0)


def test_a_pool_has_a_limit_queues_and_pauses(ledger: Ledger, clock: FixedClock) -> None:
    with pytest.raises(UnknownWorkPool, match="strongroom pool create machines"):
        made(work_pool_name="machines").apply()
    with current_ledger().changing() as session:
        pools.save_pool(session, "machines", slots=1)
    made("a", work_pool_name="machines").apply()
    made("b", work_pool_name="machines", work_queue_name="fast").apply()
    ask(1, "load/a")
    ask(1, "load/b")
    scope = Scope(pool="machines")
    with current_ledger().changing() as session:
        pools.pause_pool(session, "machines", paused=True)
    assert take(scope).runs == ()
    with current_ledger().changing() as session:
        pools.pause_pool(session, "machines", paused=False)
    assert [run.deployment_id for run in take(Scope(pool="machines", queues=("fast",))).runs] == [stored("load/b").id]
    assert take(scope).runs == (), "the pool has one slot"
    with pytest.raises(InvalidDeployment, match="load/a, load/b"), current_ledger().changing() as session:
        pools.delete_pool(session, "machines")
    with pytest.raises(InvalidDeployment, match="of the type 'docker'"), current_ledger().changing() as session:
        pools.save_pool(session, "whales", type="docker")


def test_a_run_whose_process_is_gone_crashed_and_one_that_had_not_begun_waits_again(
    ledger: Ledger, clock: FixedClock
) -> None:
    runner = Runner()
    runner.add_deployment(made())
    ask(2)
    dead = of_a_dead_process()
    began, not_begun = take(runner.scope, holder=dead).runs
    with current_ledger().changing() as session:
        due_runs.begin(session, began.id, dead)
    runner._keep_up()
    assert [run.stage for run in rows() if run.id == began.id] == ["ended"]
    assert names("Crashed") == [began.name]
    assert [run.id for run in take(runner.scope).runs] == [not_begun.id]


def test_who_waits_for_a_run_notices_that_its_process_is_gone(ledger: Ledger, clock: FixedClock) -> None:
    made().apply()
    ask(1, idempotency_key="k")
    [run] = rows()
    with current_ledger().changing() as session:
        due_runs.begin(session, run.id, of_a_dead_process())
    found = run_deployment("load/nightly", idempotency_key="k")
    assert (found.id, found.state.name, found.state.message) == (run.id, "Crashed", "Its process is gone.")


def test_runs_that_have_no_slot_are_said_to_wait_for_one(ledger: Ledger, clock: FixedClock) -> None:
    runner = Runner(limit=1)
    runner.add_deployment(made(concurrency_limit=1, schedules=[Cron("0 * * * *")]))
    ask(1)
    assert len(take(runner.scope, holder=ME).runs) == 1
    clock.advance(timedelta(hours=1, seconds=20))
    runner._take()
    assert [run.stage for run in rows() if run.due <= now()] == ["taken", "queued"]
    assert len(names("AwaitingConcurrencySlot")) == 1


def test_late_runs_are_said_to_be_late(ledger: Ledger, clock: FixedClock) -> None:
    with current_ledger().changing() as session:
        pools.save_pool(session, "machines", paused=True)
    made(work_pool_name="machines").apply()
    ask(1)
    worker = Runner(pool="machines")
    worker._take()
    assert [run.stage for run in rows()] == ["scheduled"]
    clock.advance(timedelta(seconds=20))
    worker._take()
    assert ([run.stage for run in rows()], names("Late")) == (["late"], [rows()[0].name])


def test_a_key_makes_one_run(ledger: Ledger, clock: FixedClock) -> None:
    made().apply()
    first = run_deployment("load/nightly", timeout=0, idempotency_key="monday")
    second = run_deployment("load/nightly", timeout=0, idempotency_key="monday")
    assert first.id == second.id
    assert len(rows()) == 1
    assert first.idempotency_key == "monday"


def test_what_a_deployment_does_not_take_is_refused_when_a_run_is_wanted(ledger: Ledger, clock: FixedClock) -> None:
    schema = {"properties": {"day": {}, "limit": {}}, "required": ["day"]}
    made(parameter_schema=schema).apply()
    made("loose", parameter_schema=schema, enforce_parameter_schema=False).apply()
    with pytest.raises(InvalidDeployment, match="no parameter 'dey'"):
        ask(1, parameters={"dey": 1})
    with pytest.raises(InvalidDeployment, match="needs the parameter 'day'"):
        ask(1)
    with pytest.raises(InvalidDeployment, match="no parameter 'x'"):
        made(parameter_schema=schema, parameters={"x": 1})
    ask(1, parameters={"day": 1})
    ask(1, "load/loose", parameters={"dey": 1})
    with pytest.raises(UnknownDeployment, match="load/loose"):
        ask(1, "load/lose")
    with pytest.raises(InvalidDeployment, match="job variable 'image'"):
        ask(1, job_variables={"image": "x"})


def test_what_cannot_be_is_refused_when_it_is_made() -> None:
    for name in ("", "a/b", "a%"):
        with pytest.raises(InvalidDeployment, match="deployment's name"):
            made(name)
    with pytest.raises(InvalidDeployment, match="no job variable 'image'"):
        made(job_variables={"image": "x"})
    with pytest.raises(InvalidDeployment, match="do not happen in images"):
        made().apply(image="registry.example.com/flows")
    with pytest.raises(InvalidDeployment, match="limit of 0"):
        Runner(limit=0)


def test_what_is_served_has_to_be_where_other_processes_find_it(ledger: Ledger) -> None:
    runner = Runner()
    runner.add_deployment(made())
    with pytest.raises(InvalidDeployment, match="in memory"):
        runner.start(run_once=True)


def test_a_ledger_that_goes_away_while_a_server_rests_does_not_end_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object) -> None:
        runner.stop()
        raise LedgerUnavailable("The ledger is away.", "Wait.")

    runner = Runner(query_seconds=0.01)
    monkeypatch.setattr(due_runs, "next_due", away)
    runner._rest()
    assert runner._stops == 1
