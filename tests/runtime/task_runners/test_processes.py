"""Processes: the contract, and what happens when they die, hang, or are never reached."""

from __future__ import annotations

import ctypes
import importlib
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import strongroom_registry
from strongroom import flow, get_run_logger, task
from strongroom.cache_policies import FLOW_PARAMETERS, INPUTS
from strongroom.errors import CannotTravel, CrashedRun, InvalidDefinition
from strongroom.journal import TaskRun, using_journal
from strongroom.journal.memory import MemoryJournal
from strongroom.ledger import current_ledger
from strongroom.states import State
from strongroom.task_runners import ProcessPoolTaskRunner, TaskRunner, process
from strongroom.testing import TaskRunnerContract
from strongroom.testing.task_runner_contract import double, until
from strongroom.transactions import IsolationLevel, transaction
from strongroom_blocks.types import Secret


class TestProcesses(TaskRunnerContract):
    @pytest.fixture
    def runner(self) -> TaskRunner:
        return ProcessPoolTaskRunner(max_workers=2)


@pytest.fixture(autouse=True)
def journal() -> Iterator[MemoryJournal]:
    with using_journal(MemoryJournal()) as journal:
        yield journal  # type: ignore[misc]


def states_of(*submitted: Any, **options: Any) -> list[State[Any]]:
    """The final states of tasks that were submitted one after the other, given as ``(task, argument, …)``."""
    states: list[State[Any]] = []

    @flow(task_runner=ProcessPoolTaskRunner(max_workers=1, **options))
    def job() -> None:
        states.extend(one.submit(*arguments, return_state=True) for one, *arguments in submitted)

    job()
    return states


def set_variables(variables: dict[str, str]) -> None:
    os.environ.update(variables)


def runs(journal: MemoryJournal) -> list[TaskRun]:
    return journal.task_runs(journal.flow_runs()[0].id)


def test_each_way_to_die_is_told_and_the_next_task_gets_another_process() -> None:
    @task
    def leave() -> None:
        os._exit(7)

    @task
    def kill() -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    @task
    def fault() -> None:
        ctypes.string_at(0)

    @task
    def leave_a_child() -> None:
        if os.fork() == 0:
            time.sleep(600)
        os._exit(0)

    left, killed, faulted, forked, fine = states_of((leave,), (kill,), (fault,), (leave_a_child,), (double, 2))
    assert "exited with code 7" in str(left.message)
    assert "was ended by SIGKILL" in str(killed.message)
    assert "was ended by SIGSEGV" in str(faulted.message)
    assert "exited with code 0" in str(forked.message)
    assert [state.is_crashed() for state in (left, killed, faulted, forked)] == [True] * 4
    assert fine.result() == 4
    with pytest.raises(CrashedRun):
        left.result()


def test_hooks_of_a_task_whose_process_died_are_called_by_the_flow() -> None:
    told = []

    @task(on_crashed=[lambda task, run, state: told.append((task.name, run.state.name))], retries=3)
    def leave() -> None:
        os._exit(1)

    states_of((leave,))
    assert told == [("leave", "Crashed")]


def test_a_timeout_ends_a_call_that_waits_outside_of_python() -> None:
    @task(timeout_seconds=0.05)
    def sleep() -> None:
        time.sleep(600)

    [state] = states_of((sleep,))
    assert state.name == "TimedOut"


def test_an_initializer_prepares_each_process() -> None:
    @task
    def look() -> str | None:
        return os.environ.get("STRONGROOM_TEST_MARK")

    [state] = states_of((look,), initializer=set_variables, initargs=({"STRONGROOM_TEST_MARK": "yes"},))
    assert state.result() == "yes"
    assert "STRONGROOM_TEST_MARK" not in os.environ


def test_an_initializer_that_fails_is_told() -> None:
    [state] = states_of((double, 1), initializer=int, initargs=("x",))
    assert state.is_crashed()
    assert "its initializer raised ValueError" in str(state.message)
    with pytest.raises(CannotTravel, match="initializer"):
        states_of((double, 1), initializer=print, initargs=(threading.Lock(),))
    with pytest.raises(InvalidDefinition, match="initializer"):
        ProcessPoolTaskRunner(initializer=3)  # type: ignore[arg-type]


def test_a_worker_that_lacks_the_module_of_a_task_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "vanishing.py").write_text("from strongroom import task\n\n@task\ndef work(): ...\n")
    monkeypatch.syspath_prepend(tmp_path)
    module = importlib.import_module("vanishing")
    [state] = states_of((module.work,))
    assert state.is_completed()
    (tmp_path / "vanishing.py").unlink()
    [state] = states_of((module.work,))
    assert state.is_crashed()
    assert "No module named 'vanishing'" in str(state.message)
    assert "Install the flow's modules on the worker" in str(state.message)


def test_a_worker_that_cannot_open_the_registry_says_so(tmp_path: Path) -> None:
    Secret(value="of no use").save("unreachable")
    block = Secret.load("unreachable")

    @task
    def use(secret: Secret) -> None: ...

    elsewhere = {"STRONGROOM_KEY": f"file:{tmp_path / 'no.key'}"}
    [state] = states_of((use, block), initializer=set_variables, initargs=(elsewhere,))
    assert state.is_crashed()
    assert "could not begin the run" in str(state.message)
    assert "no.key" in str(state.message)


def test_blocks_of_another_registry_are_not_taken_for_those_of_the_flow(tmp_path: Path) -> None:
    @task
    def use(secret: Secret) -> None: ...

    Secret(value="tulips").save("shared-name")
    block = Secret.load("shared-name")
    elsewhere = {"STRONGROOM_HOME": str(tmp_path / "other")}
    options: dict[str, Any] = {"initializer": set_variables, "initargs": (elsewhere,)}
    [state] = states_of((use, block), **options)
    assert state.is_crashed()
    assert not (tmp_path / "other").exists()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STRONGROOM_HOME", elsewhere["STRONGROOM_HOME"])
        with strongroom_registry.using(strongroom_registry.open_registry()):
            Secret(value="crocus").save("shared-name")
    [state] = states_of((use, block), **options)
    assert "another one than the flow's" in str(state.message)


def test_a_result_that_only_the_worker_can_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "afar.py").write_text("class Thing:\n    pass\n")

    @task
    def make(folder: str) -> Any:
        sys.path.insert(0, folder)
        return importlib.import_module("afar").Thing()

    [state] = states_of((make, str(tmp_path)))
    assert state.is_failed()
    assert "The result of task run 'make-0' came back" in str(state.message)


def test_what_stays_behind_of_the_flow_disturbs_no_task(journal: MemoryJournal) -> None:
    @task(cache_policy=FLOW_PARAMETERS)
    def look() -> str:
        from strongroom.runtime import flow_run

        return f"{flow_run.parameters['lock']} {len(flow_run.parameters['small'])}"

    @flow(task_runner=ProcessPoolTaskRunner(max_workers=1), validate_parameters=False)
    def job(lock: Any, large: bytes, small: str) -> str:
        return look.submit().result()

    assert job(threading.Lock(), b"x" * 2_000_000, "ab").endswith("not on this worker> 2")
    [run] = runs(journal)
    assert run.cache_key is None


def test_results_are_captured_for_a_resumption(journal: MemoryJournal) -> None:
    states_of((double, 4))
    [run] = runs(journal)
    assert run.result is not None
    assert run.result.inline is not None
    assert run.inputs_fingerprint is not None


def test_messages_can_be_changed_and_dropped(journal: MemoryJournal) -> None:
    @task
    def talk() -> None:
        for text in ("one", "two", "three"):
            get_run_logger().info(text)

    def factory() -> Any:
        def process(kind: str, payload: Any) -> Any:
            assert kind == "log"
            return None if payload["msg"] == "two" else (kind, {**payload, "msg": payload["msg"].upper()})

        return process

    runner = ProcessPoolTaskRunner(max_workers=1)
    runner.subprocess_message_processor_factories = [factory]
    assert runner.duplicate().subprocess_message_processor_factories == (factory,)

    @flow(task_runner=runner)
    def job() -> None:
        talk.submit().wait()

    job()
    lines = [line.message for line in journal.logs(journal.flow_runs()[0].id) if line.task_run_id]
    assert lines == ["ONE", "THREE"]
    with runner, pytest.raises(InvalidDefinition, match="is open"):
        runner.set_subprocess_message_processor_factories([])


def test_a_very_long_line_and_every_level_arrive(journal: MemoryJournal, caplog: pytest.LogCaptureFixture) -> None:
    @task
    def talk() -> None:
        get_run_logger().info("x" * 10_000_000)
        get_run_logger().debug("unseen")
        get_run_logger().error("seen", extra={"colour": "red"})

    with caplog.at_level(logging.INFO, "strongroom"):
        states_of((talk,))
    records = [record for record in caplog.records if record.name == "strongroom.task_runs"]
    assert [len(record.getMessage()) for record in records] == [10_000_000, 4]
    assert vars(records[1])["colour"] == "red"
    assert records[1].process != os.getpid()


def test_a_task_that_does_not_end_is_killed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(process, "GRACE_SECONDS", 0.1)

    @task
    def stubborn(file: Path) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        file.write_text(str(os.getpid()))
        time.sleep(600)

    @flow(task_runner=ProcessPoolTaskRunner(max_workers=1))
    def job() -> None:
        stubborn.submit(tmp_path / "pid")
        until(tmp_path / "pid")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        job()
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


@task
def spin() -> None:
    while True:
        time.sleep(0.005)


def test_an_interrupt_at_any_moment_strikes_its_own_task() -> None:
    with ProcessPoolTaskRunner(max_workers=1) as runner:
        assert runner.submit(double, {"n": 1}).result() == 2
        for delay in (0, 0.0005, 0.001, 0.002, 0.004, 0.008):
            futures = [runner.submit(spin, {}) for _ in range(2)]
            time.sleep(delay)
            runner.cancel_all()
            assert {future.state.name for future in futures} <= {"Crashed", "Cancelled"}
            assert futures[1].state.is_cancelled()
            assert runner.submit(double, {"n": 3}).result() == 6
            assert len(runner._processes) == 1


def test_a_runner_that_is_not_open_takes_nothing() -> None:
    with pytest.raises(InvalidDefinition, match="not open"):
        ProcessPoolTaskRunner().submit(double, {"n": 1})
    with pytest.raises(InvalidDefinition, match="max_workers=0"):
        ProcessPoolTaskRunner(max_workers=0)


def test_a_task_of_inner_functions_is_cached_by_its_source(journal: MemoryJournal) -> None:
    from strongroom.cache_policies import TASK_SOURCE

    @task(cache_policy=INPUTS + TASK_SOURCE)
    def work(n: int) -> int:
        return n

    first, second = states_of((work, 1), (work, 1))
    assert (first.name, second.name) == ("Completed", "Cached")
    assert work(1, return_state=True).name == "Cached"


class Mute(Exception):
    """Cannot be shown."""

    def __str__(self) -> str:
        raise RuntimeError("nothing to say")


@dataclass(frozen=True)
class Frozen(Exception):
    """Cannot be changed, not even to take a note."""

    reason: str


@pytest.mark.parametrize("kind", [Mute, Frozen])
def test_an_exception_that_cannot_be_shown_or_changed_costs_no_process(kind: type[Exception]) -> None:
    @task
    def fails() -> None:
        raise kind("cold")

    with ProcessPoolTaskRunner(max_workers=1) as runner:
        future = runner.submit(fails, {})
        future.wait()
        assert future.state.name == "Failed"
        assert kind.__name__ in str(future.result(raise_on_failure=False))
        assert runner.submit(double, {"n": 2}).result() == 4
        assert len(runner._processes) == 1


def test_a_task_does_not_wait_for_the_lock_that_is_held_around_it(tmp_path: Path) -> None:
    @task
    def inside(n: int) -> int:
        with transaction(key="one at a time", isolation_level=IsolationLevel.SERIALIZABLE) as its:
            its.stage(n)
            return n

    @flow(task_runner=ProcessPoolTaskRunner(max_workers=1))
    def work() -> int:
        with transaction(key="one at a time", isolation_level=IsolationLevel.SERIALIZABLE):
            return inside.submit(1).result()

    assert work() == 1
    with current_ledger().reading() as session:
        assert session.execute("SELECT key FROM locks") == []
