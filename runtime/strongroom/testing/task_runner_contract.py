"""What every task runner has to do: the suite for :class:`~strongroom.task_runners.TaskRunner`."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
from pydantic import SecretStr
from strongroom_blocks import Block
from strongroom_blocks.types import Secret

from strongroom import allow_failure, flow, get_run_logger, tags, task, unmapped
from strongroom.cache_policies import INPUTS
from strongroom.errors import CrashedRun, UpstreamTaskError
from strongroom.futures import as_completed
from strongroom.journal import Journal, TaskRun, using_journal
from strongroom.journal.memory import MemoryJournal
from strongroom.runtime import flow_run, task_run
from strongroom.states import Completed, Failed
from strongroom.task_runners import TaskRunner


def appended(file: Path, text: str) -> str:
    """What a file says once ``text`` is at its end: how tests count across processes."""
    with file.open("a") as opened:
        opened.write(text)
    return file.read_text()


def until(file: Path) -> str:
    """What a file says that another process is about to write; raises TimeoutError where it does not."""
    for _ in range(6000):
        if file.exists() and (text := file.read_text()):
            return text
        time.sleep(0.005)
    raise TimeoutError(f"{file} was not written.")


@task
def double(n: int) -> int:
    return 2 * n


@task
def add(x: int, y: int) -> int:
    return x + y


@task
def broken(what: str) -> None:
    raise ValueError(f"no such {what}")


@task
def note(file: Path, text: str, after: Any = None) -> str:
    return appended(file, text)


class TaskRunnerContract:
    """Subclass it, and give it a fixture ``runner`` that makes a task runner which is not open.

    The runner has to let at least two tasks run at once. ``isolated`` says whether tasks run in other processes, which
    have to see the folder of the fixture ``home``: the tests keep their registry, results and files there.
    ``interrupts`` says whether it ends a task that runs, ``survives`` whether it gets over the death of a process.
    """

    isolated: ClassVar[bool] = True
    interrupts: ClassVar[bool] = True
    survives: ClassVar[bool] = True

    @pytest.fixture
    def home(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """The folder of ``STRONGROOM_HOME``, in this process and in the workers."""
        monkeypatch.setenv("STRONGROOM_HOME", str(tmp_path / "home"))
        return tmp_path / "home"

    @pytest.fixture(autouse=True)
    def journal(self, home: Path) -> Iterator[Journal]:
        """Where the flow's process keeps its runs."""
        home.mkdir(parents=True, exist_ok=True)
        with using_journal(MemoryJournal()) as journal:
            yield journal

    @pytest.fixture
    def run(self, runner: TaskRunner) -> Callable[[Callable[..., Any]], Any]:
        """Runs a function as a flow with the runner."""
        return lambda function: flow(task_runner=runner)(function)()

    def test_a_submitted_task_gives_a_future(self, run: Any) -> None:
        def job() -> Any:
            future = add.submit(1, y=2)
            assert future.result() == 3
            assert future.done()
            assert future.state.is_completed()
            return add.submit(3, 4, return_state=True).result()

        assert run(job) == 7

    def test_a_mapped_task_gives_its_results_in_order(self, run: Any) -> None:
        def job() -> Any:
            return add.map(range(5), unmapped(10)).result()

        assert run(job) == [10, 11, 12, 13, 14]

    def test_hundreds_of_tasks_get_through(self, run: Any) -> None:
        def job() -> Any:
            futures = double.map(range(300))
            return sum(future.result() for future in as_completed(futures)), futures.result()

        assert run(job) == (89_700, list(range(0, 600, 2)))

    def test_futures_among_the_inputs_become_their_results(self, run: Any) -> None:
        @task
        def total(parts: dict[str, list[int]], last: int) -> int:
            return sum(parts["parts"]) + last

        def job() -> Any:
            parts = double.map([1, 2, 3])
            return total.submit({"parts": [parts[0], parts[1]]}, add.submit(parts[2], 1)).result()

        assert run(job) == 13

    def test_a_task_begins_when_what_it_waits_for_is_over(self, run: Any, home: Path) -> None:
        def job() -> Any:
            first = note.submit(home / "order", "1")
            second = note.submit(home / "order", "2", wait_for=[first])
            return note.submit(home / "order", "3", wait_for=[second]).result()

        assert run(job) == "123"

    def test_a_failure_comes_back_and_stops_only_what_depends_on_it(self, run: Any) -> None:
        @task
        def told(error: Any) -> str:
            return f"{type(error).__name__}: {error}"

        def job() -> Any:
            future = broken.submit("table")
            with pytest.raises(ValueError, match="no such table"):
                future.result()
            assert future.state.is_failed()
            assert "no such table" in (future.state.message or "")
            dependent = told.submit(future)
            with pytest.raises(UpstreamTaskError):
                dependent.result()
            assert dependent.state.name == "NotReady"
            return told.submit(allow_failure(future)).result(), double.submit(4).result()

        assert run(job) == ("ValueError: no such table", 8)

    def test_a_task_that_fails_is_tried_again(self, run: Any, home: Path, journal: Journal) -> None:
        @task(retries=3, retry_delay_seconds=0.001)
        def stubborn(file: Path) -> int:
            if len(tries := appended(file, "x")) < 3:
                raise OSError("not yet")
            return len(tries)

        assert run(lambda: stubborn.submit(home / "tries").result()) == 3
        [found] = self.runs(journal)
        assert found.run_count == 3
        retried = ["AwaitingRetry", "Retrying"]
        assert [event.name for event in found.history] == ["Pending", "Running", *retried, *retried, "Completed"]

    def test_a_task_that_takes_too_long_is_ended(self, run: Any) -> None:
        @task(timeout_seconds=0.05)
        def endless() -> None:
            while True:
                pass

        assert run(lambda: endless.submit(return_state=True).name) == "TimedOut"

    def test_states_that_a_task_returns_are_its_own(self, run: Any) -> None:
        @task
        def skip() -> Any:
            return Completed(name="Skipped", message="nothing to do", data=5)

        @task
        def give_up() -> Any:
            return Failed(message="no")

        def job() -> Any:
            skipped, failed = skip.submit(return_state=True), give_up.submit(return_state=True)
            return skipped.name, skipped.result(), failed.message

        assert run(job) == ("Skipped", 5, "no")

    def test_asynchronous_tasks_and_generators_run_too(self, run: Any) -> None:
        @task
        async def later(n: int) -> int:
            return n + 1

        @task
        def items(n: int) -> Iterator[int]:
            yield from range(n)

        @task
        async def items_later(n: int) -> AsyncIterator[int]:
            for item in range(n):
                yield item

        def job() -> Any:
            return later.submit(1).result(), items.submit(3).result(), items_later.submit(2).result()

        assert run(job) == (2, [0, 1, 2], [0, 1])

    def test_an_asynchronous_flow_awaits_its_tasks(self, runner: TaskRunner) -> None:
        import asyncio

        @flow(task_runner=runner)
        async def job() -> int:
            return await double.submit(21).result_async()

        assert asyncio.run(job()) == 42

    def test_tasks_call_and_submit_tasks_and_flows(self, run: Any, journal: Journal) -> None:
        @flow
        def subflow(n: int) -> int:
            return double(n)

        @task
        def tree(depth: int) -> int:
            if depth == 0:
                return subflow(1)
            return sum(future.result() for future in [tree.submit(depth - 1), tree.submit(depth - 1)])

        assert run(lambda: tree.submit(2).result()) == 8
        runs = {found.id: found for found in self.runs(journal) if found.task_name == "tree"}
        assert len(runs) == 7
        assert all(found.state.is_completed() for found in runs.values())
        root = next(found for found in runs.values() if found.parent_id not in runs)
        assert sum(found.parent_id == root.id for found in runs.values()) == 2
        [parent] = journal.flow_runs()
        assert len(journal.subflow_runs(parent.id)) == 4

    def test_what_a_task_submits_and_does_not_wait_for_is_over_when_the_flow_is(self, run: Any, home: Path) -> None:
        @task
        def careless(file: Path) -> None:
            note.submit(file, "done")

        run(lambda: careless.submit(home / "left").wait())
        assert (home / "left").read_text() == "done"

    def test_the_run_history_has_every_state_in_order(self, run: Any, journal: Journal) -> None:
        future = run(lambda: [double.submit(1)])[0]
        [found] = self.runs(journal)
        assert [event.name for event in found.history] == ["Pending", "Running", "Completed"]
        assert [event.timestamp for event in found.history] == sorted(event.timestamp for event in found.history)
        assert found.start_time is not None
        assert found.end_time is not None
        assert future.is_completed()
        assert bool(found.worker) == self.isolated

    def test_lines_and_prints_are_kept_in_order(self, run: Any, journal: Journal) -> None:
        @task(log_prints=True)
        def talk() -> None:
            get_run_logger().info("one of %s", 3)
            print("two of", 3)
            get_run_logger().warning("three, 100%")

        run(lambda: talk.submit().wait())
        [found] = self.runs(journal)
        lines = [line for line in journal.logs(journal.flow_runs()[0].id) if line.task_run_id == found.id]
        assert [line.message for line in lines] == ["one of 3", "two of 3", "three, 100%"]

    def test_a_task_knows_its_run_its_flow_and_its_tags(self, runner: TaskRunner) -> None:
        @task(tags=["own"], task_run_name="look-at-{what}")
        def look(what: str) -> Any:
            nested = double.with_options(name="nested")
            nested(1)
            return task_run.id, task_run.name, task_run.tags, flow_run.id, flow_run.name, flow_run.parameters

        @flow(task_runner=runner, flow_run_name="named")
        def job(day: str) -> Any:
            with tags("around"):
                future = look.submit("this")
            return future.task_run_id, future.result(), flow_run.id

        submitted, (own, name, found_tags, around, flow_name, parameters), outer = job("monday")
        assert own == str(submitted)
        assert (name, sorted(found_tags)) == ("look-at-this", ["around", "own"])
        assert (around, flow_name, parameters) == (outer, "named", {"day": "monday"})

    def test_hooks_are_called(self, run: Any, home: Path) -> None:
        def told(_task: Any, run: Any, state: Any) -> None:
            appended(home / "hooks", f"{run.name} {state.name}\n")

        @task(on_completion=[told], on_running=[told])
        def observed() -> None: ...

        run(lambda: observed.submit().wait())
        assert (home / "hooks").read_text() == "observed-0 Running\nobserved-0 Completed\n"

    def test_results_persist_and_are_found_again(self, run: Any, home: Path, journal: Journal) -> None:
        @task(cache_policy=INPUTS, cache_result_in_memory=False)
        def counted(file: Path) -> int:
            return len(appended(file, "x"))

        def job() -> Any:
            first = counted.submit(home / "count")
            first.wait()
            return first.result(), counted.submit(home / "count").result()

        assert run(job) == (1, 1)
        assert [found.state.name for found in self.runs(journal)] == ["Completed", "Cached"]

    def test_a_saved_block_is_loaded_where_the_task_runs(self, run: Any, journal: Journal) -> None:
        Secret(value="four words of text").save("phrase", overwrite=True)

        @task
        def words(secret: Secret) -> int:
            return len(secret.get().split())

        assert run(lambda: words.submit(Secret.load("phrase")).result()) == 4
        assert any(name.startswith("phrase@") for name in journal.flow_runs()[0].blocks)

    def test_a_secret_that_a_task_reveals_is_masked_in_what_comes_back(self, run: Any, journal: Journal) -> None:
        plain = f"plain-{os.urandom(8).hex()}"
        Secret(value=plain).save("masked", overwrite=True)

        @task
        def careless() -> None:
            revealed = Secret.load("masked").get()
            get_run_logger().info("it is %s", revealed)
            raise RuntimeError(f"cannot log in with {revealed}")

        state = flow_state(run, careless)
        [found] = self.runs(journal)
        told = [line.message for line in journal.logs(journal.flow_runs()[0].id)]
        assert not any(plain in text for text in [*told, found.state.message or "", str(state.message)])
        if self.isolated:
            error = state.data
            assert isinstance(error, RuntimeError)
            assert plain not in "".join([str(error), *getattr(error, "__notes__", [])])

    def test_inputs_and_results_that_cannot_travel_are_named(self, run: Any, journal: Journal) -> None:
        @task
        def take(lock: Any) -> str:
            return type(lock).__name__

        @task
        def give() -> Any:
            return threading.Lock()

        @task
        def raise_it() -> None:
            raise _Unreadable(1, 2)

        def job() -> Any:
            states = [take.submit(threading.Lock(), return_state=True), give.submit(return_state=True)]
            states.append(take.submit(Unsaved(token=SecretStr(os.urandom(8).hex())), return_state=True))
            return [*states, raise_it.submit(return_state=True), double.submit(1, return_state=True)]

        states = flow_states(run, job)
        assert [state.type.value for state in states[3:]] == ["FAILED", "COMPLETED"]
        assert "_Unreadable" in (states[3].message or "")
        if self.isolated:
            assert all(state.is_failed() for state in states[:3])
            assert "'lock' of task 'take'" in (states[0].message or "")
            assert "result of task run 'give-0'" in (states[1].message or "")
            assert "Save it first" in (states[2].message or "")
            assert isinstance(states[3].result(raise_on_failure=False), Exception)

    def test_a_flow_that_fails_cancels_what_waits(self, run: Any, journal: Journal, home: Path) -> None:
        @task
        def wait_for(folder: Path) -> None:
            (folder / "waits").write_text("yes")
            until(folder / "go")

        def job() -> None:
            first = wait_for.submit(home)
            double.submit(1, wait_for=[first])
            until(home / "waits")
            threading.Timer(0.05, (home / "go").write_text, ("yes",)).start()
            raise ValueError("no")

        with pytest.raises(ValueError, match="no"):
            run(job)
        states = {found.task_name: found.state.name for found in self.runs(journal)}
        assert states == {"wait_for": "Completed", "double": "Cancelled"}

    def test_an_interrupt_ends_what_runs(self, run: Any, journal: Journal, home: Path) -> None:
        if not self.interrupts:
            return

        @task
        def busy(folder: Path) -> None:
            try:
                (folder / "begun").write_text("yes")
                while True:
                    time.sleep(0.005)
            finally:
                (folder / "cleaned").touch()

        def job() -> None:
            busy.submit(home)
            until(home / "begun")
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            run(job)
        assert (home / "cleaned").exists()
        [found] = self.runs(journal)
        assert found.state.is_crashed()

    def test_a_runner_works_by_itself(self, runner: TaskRunner) -> None:
        with runner:
            future = runner.submit(double, {"n": 1})
            assert runner.submit(add, {"x": future, "y": 5}, wait_for=[future]).result() == 7
            assert runner.map(double, {"n": [1, 2]}).result() == [2, 4]
            assert type(runner.duplicate()) is type(runner)
            assert runner.name in type(runner).__name__.lower()

    def test_all_can_be_cancelled(self, runner: TaskRunner, home: Path) -> None:
        if not self.interrupts:
            return

        @task
        def busy(folder: Path) -> None:
            (folder / "busy").write_text("yes")
            while True:
                time.sleep(0.005)

        with runner:
            future = runner.submit(busy, {"folder": home})
            until(home / "busy")
            later = runner.submit(double, {"n": 1}, wait_for=[future])
            runner.cancel_all()
            assert (future.state.is_crashed(), later.state.is_cancelled()) == (True, True)

    def test_what_a_task_submits_outside_of_flows_is_over_when_it_is(self, runner: TaskRunner, home: Path) -> None:
        @task
        def careless(file: Path) -> None:
            note.submit(file, "done")

        with runner:
            runner.submit(careless, {"file": home / "outside"}).wait()
        assert until(home / "outside") == "done"

    def test_the_death_of_a_process_is_one_crash(self, run: Any, journal: Journal) -> None:
        if not (self.isolated and self.survives):
            return

        @task(retries=2)
        def deadly() -> None:
            os._exit(7)

        def job() -> Any:
            before, dead = double.submit(1, return_state=True), deadly.submit()
            with pytest.raises(CrashedRun):
                dead.result()
            return [before, dead.state, *double.map(range(8), return_state=True)]

        states = flow_states(run, job)
        assert [state.is_crashed() for state in states] == [False, True, *[False] * 8]

    @staticmethod
    def runs(journal: Journal) -> list[TaskRun]:
        """The task runs of the one outermost flow run."""
        [parent] = journal.flow_runs()
        return journal.task_runs(parent.id)


class Unsaved(Block):
    """A block that nobody saves."""

    token: SecretStr


class _Unreadable(Exception):
    """An exception that a pickle cannot make again."""

    def __init__(self, one: int, other: int) -> None:
        super().__init__(f"{one} and {other}")


def flow_states(run: Any, job: Callable[[], list[Any]]) -> list[Any]:
    """The states that a flow found, whether or not they make it a failed one."""
    found: list[Any] = []
    run(lambda: found.extend(job()))
    return found


def flow_state(run: Any, submitted: Any) -> Any:
    """The state of one submitted task."""
    return flow_states(run, lambda: [submitted.submit(return_state=True)])[0]
