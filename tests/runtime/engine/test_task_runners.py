"""The thread pool: bounded, in order of dependencies, and never at a standstill."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from strongroom import flow, task, tasks
from strongroom.errors import InvalidDefinition
from strongroom.futures import as_completed
from strongroom.journal.memory import MemoryJournal
from strongroom.task_runners import ThreadPoolTaskRunner, jobs


class Crowd:
    """Counts who is inside at the same time."""

    def __init__(self) -> None:
        self.now = self.most = 0
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        with self._lock:
            self.now += 1
            self.most = max(self.most, self.now)

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self.now -= 1


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_no_more_tasks_run_than_there_are_workers(workers: int) -> None:
    crowd = Crowd()
    full = threading.Barrier(workers)

    @task
    def work(n: int) -> int:
        with crowd:
            if n < workers:
                full.wait(timeout=60)
            return n

    @flow(task_runner=ThreadPoolTaskRunner(max_workers=workers))
    def job() -> list[int]:
        return work.map(range(20)).result()

    assert job() == list(range(20))
    assert crowd.most == workers


@pytest.mark.parametrize("workers", [1, 2])
def test_tasks_that_wait_for_their_own_tasks_get_through(workers: int) -> None:
    @task
    def tree(depth: int) -> int:
        return 1 if depth == 0 else sum(future.result() for future in [tree.submit(depth - 1), tree.submit(depth - 1)])

    @flow(task_runner=ThreadPoolTaskRunner(max_workers=workers))
    def job() -> int:
        return tree.submit(5).result()

    assert job() == 32


def test_a_limit_holds_while_tasks_wait_for_others() -> None:
    crowd = Crowd()

    @task
    def leaf(n: int) -> int:
        with crowd:
            return n

    @task
    def branch(n: int) -> int:
        return sum(future.result() for future in as_completed([leaf.submit(n), leaf.submit(n)]))

    @flow(task_runner=ThreadPoolTaskRunner(max_workers=1))
    def job() -> int:
        return sum(branch.map(range(5)).result())

    assert job() == 20
    assert crowd.most == 1


def test_asynchronous_tasks_that_wait_for_their_own_tasks_get_through() -> None:
    @task
    async def tree(depth: int) -> int:
        if depth == 0:
            return 1
        parts = [tree.submit(depth - 1), tree.submit(depth - 1)]
        return parts[0].result() + await parts[1].result_async()

    @flow(task_runner=ThreadPoolTaskRunner(max_workers=1))
    def job() -> int:
        return tree.submit(2).result()

    assert asyncio.run(asyncio.to_thread(job)) == 4


def test_a_long_chain_of_dependencies_gets_through() -> None:
    @task
    def step(n: int) -> int:
        return n + 1

    @task
    def head() -> int:
        future = step.submit(0)
        for _ in range(1500):
            future = step.submit(future)
        return future.result()

    @flow(task_runner=ThreadPoolTaskRunner(max_workers=1))
    def job() -> int:
        return head.submit().result()

    assert job() == 1501


def test_subflows_in_tasks_get_through() -> None:
    @task
    def leaf(n: int) -> int:
        return n

    @flow(task_runner=ThreadPoolTaskRunner(max_workers=1))
    def child(n: int) -> int:
        return sum(leaf.map([n, n]).result())

    @task
    def branch(n: int) -> int:
        return child(n)

    @flow(task_runner=ThreadPoolTaskRunner(max_workers=1))
    def job() -> int:
        return sum(branch.map([1, 2, 3]).result())

    assert job() == 12


def test_context_travels_with_a_submitted_task() -> None:
    from strongroom import tags
    from strongroom.runtime import flow_run, task_run

    @task
    def look() -> Any:
        return flow_run.name, task_run.tags

    @flow(flow_run_name="named")
    def job() -> Any:
        with tags("inside"):
            return look.submit().result()

    assert job() == ("named", ["inside"])


def test_an_interrupt_ends_running_tasks_and_cancels_the_others(journal: MemoryJournal) -> None:
    begun = threading.Event()
    cleaned = []

    @task
    def busy() -> None:
        begun.set()
        try:
            while True:
                pass
        finally:
            cleaned.append(True)

    @task
    def never() -> None: ...

    @flow(task_runner=ThreadPoolTaskRunner(max_workers=1))
    def job() -> None:
        busy.submit()
        never.submit()
        begun.wait()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        job()
    assert cleaned == [True]
    [run] = journal.flow_runs()
    assert run.state.is_crashed()
    states = {r.task_name: r.state.name for r in journal.task_runs(run.id)}
    assert states == {"busy": "Crashed", "never": "Cancelled"}


def test_a_runner_works_by_itself() -> None:
    @task
    def add(x: int, y: int = 1) -> int:
        return x + y

    with ThreadPoolTaskRunner(max_workers=2) as runner:
        future = runner.submit(add, {"x": 1})
        assert future.result() == 2
        assert runner.submit(add, {"x": future, "y": 5}, wait_for=[future]).result() == 7
        assert runner.map(add, {"x": [1, 2], "y": 1}).result() == [2, 3]
        assert runner.duplicate().max_workers == 2
    with pytest.raises(InvalidDefinition):
        ThreadPoolTaskRunner(max_workers=0)


def test_a_setting_limits_the_default_runner(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRONGROOM_TASK_RUNNER_MAX_WORKERS", "1")
    crowd = Crowd()

    @task
    def work(n: int) -> int:
        with crowd:
            return n

    @flow
    def job() -> int:
        return sum(work.map(range(10)).result())

    assert job() == 45
    assert crowd.most == 1


def test_a_long_range_is_submitted_as_its_runs_get_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "MOST_OUTSTANDING", 8)
    most: list[int] = []

    @task
    def work(x: int) -> int:
        return x

    class Watched(ThreadPoolTaskRunner):
        def schedule(self, call: Any) -> Any:
            future = super().schedule(call)
            most.append(len(self._outstanding))
            return future

    @flow(task_runner=Watched(max_workers=2))
    def many() -> list[int]:
        return work.map(range(200)).result()

    assert many() == list(range(200))
    assert max(most) <= 9


def test_a_long_range_of_runs_that_wait_for_the_flow_is_submitted_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "MOST_OUTSTANDING", 8)
    monkeypatch.setattr(tasks, "MAPPING_PATIENCE_SECONDS", 0.1)
    opened = threading.Event()

    @task
    def work(x: int) -> int:
        opened.wait()
        return x

    @flow(task_runner=ThreadPoolTaskRunner(max_workers=2))
    def many() -> list[int]:
        futures = work.map(range(40))
        opened.set()
        return futures.result()

    assert many() == list(range(40))
