"""Background tasks: sent here, carried out there, on ledgers of every kind; and workers that really die."""

from __future__ import annotations

import asyncio
import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from strongroom import flow, tags, task, unmapped
from strongroom.background import queue
from strongroom.background.future import PrefectDistributedFuture
from strongroom.cache_policies import INPUTS
from strongroom.errors import InvalidDeployment, MissingResult, UnfinishedRun, UnserializableResult
from strongroom.futures import PrefectDistributedFuture as Exported
from strongroom.futures import as_completed, wait
from strongroom.journal import current_journal, using_journal
from strongroom.journal.memory import MemoryJournal
from strongroom.ledger import Ledger, Session, current_ledger, open_ledger, using_ledger, wait_until
from strongroom.runtime import task_run
from strongroom.task_runners import PrefectTaskRunner
from strongroom.task_worker import TaskWorker, serve

TASKS = """
import os, sys
from pathlib import Path
from strongroom import task

@task
def meets(folder):
    Path(folder, f"began-{os.getpid()}").touch()
    with open(Path(folder, "gate")) as gate:
        gate.read()
    return os.getpid()

@task
def dies():
    os._exit(9)

if __name__ == "__main__":
    meets.serve()
"""


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def ledger(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ledger]:
    monkeypatch.setenv("STRONGROOM_RESULTS_SEALED", "false")
    urls: dict[str, Callable[[], str]] = {
        "memory": lambda: "memory:",
        "sqlite": lambda: f"sqlite:///{tmp_path / 'ledger.db'}",
        "postgres": lambda: request.getfixturevalue("postgres").url,
    }
    opened = open_ledger(urls[request.param]())
    with using_ledger(opened), using_journal(MemoryJournal()):
        yield opened
    opened.close()


@task
def add(a: int, b: int) -> int:
    return a + b


@task
async def double(n: int) -> int:
    await asyncio.sleep(0)
    return 2 * n


@task
def total(numbers: list[int]) -> int:
    return sum(numbers)


@task
def bursts() -> None:
    raise ValueError("the boiler burst")


def work(*tasks: Any, limit: int | None = 10) -> None:
    """Carry out what waits."""
    TaskWorker(*(tasks or (add, double, total, bursts)), limit=limit).start(run_once=True)


def test_a_call_is_carried_out_by_whoever_serves_its_task(ledger: Ledger) -> None:
    future = add.delay(1, b=2)
    assert isinstance(future, Exported)
    assert (future.state.name, future.done()) == ("Scheduled", False)
    with pytest.raises(TimeoutError):
        future.result(timeout=0)
    work(double)
    assert not future.done()
    work(add)
    assert (future.result(), future.state.name, future.done()) == (3, "Completed", True)


def test_its_arguments_may_come_from_other_background_tasks(ledger: Ledger) -> None:
    first = add.delay(1, 2)
    second = double.delay(first)
    last = total.apply_async(args=([first, second, add.submit(2, 2)],), wait_for=[second])
    with ledger.changing() as session:
        taken = queue.take(session, [add.task_key, double.task_key, total.task_key], 10, "1@here@")
        assert [delivery.id for delivery in taken] == [first.task_run_id], "the others wait for it"
        queue.give_back(session, first.task_run_id, "1@here@")
    work(limit=1)
    assert last.result() == 3 + 6 + 4


def test_what_failed_fails_what_needs_it(ledger: Ledger) -> None:
    failed = bursts.delay()
    after = add.delay(failed, 1)
    work()
    with pytest.raises(ValueError, match="the boiler burst"):
        failed.result()
    assert isinstance(failed.result(raise_on_failure=False), ValueError)
    assert after.state.name == "NotReady"
    with pytest.raises(UnfinishedRun):
        after.result()


def test_mapped_calls_are_sent_one_by_one(ledger: Ledger) -> None:
    futures = add.map([1, 2, 3], unmapped(10), deferred=True)
    work()
    assert futures.result() == [11, 12, 13]
    done, not_done = wait([*futures, add.delay(0, 0)], timeout=0.01)
    assert (len(done), len(not_done)) == (3, 1)


def test_asynchronous_code_waits_too(ledger: Ledger) -> None:
    async def main() -> list[int]:
        futures = [add.delay(n, n) for n in range(3)]
        worker = asyncio.create_task(asyncio.to_thread(work))
        results = [await future.result_async(timeout=30) for future in futures]
        await worker
        return results

    assert asyncio.run(main()) == [0, 2, 4]


def test_futures_tell_who_asks_when_they_are_over(ledger: Ledger) -> None:
    futures = [add.delay(n, n) for n in range(3)]
    work()
    assert sorted(future.result() for future in as_completed(futures, timeout=30)) == [0, 2, 4]


def test_a_future_is_made_again_from_the_id_of_its_run(ledger: Ledger) -> None:
    future = pickle.loads(pickle.dumps(add.delay(1, 1)))
    work()
    assert PrefectDistributedFuture(future.task_run_id).result() == future.result() == 2
    with ledger.changing() as session:
        queue.forget(session, session.now() + 1)
    with pytest.raises(MissingResult, match="no background task"):
        PrefectDistributedFuture(future.task_run_id).done()


def test_retries_names_tags_and_logs_are_as_usual(ledger: Ledger) -> None:
    tries: list[int] = []

    @task(retries=2, task_run_name="try-{what}", tags=["slow"], log_prints=True)
    def tried(what: str) -> list[str]:
        tries.append(1)
        if len(tries) < 3:
            raise ConnectionError
        print("done with", what)
        return task_run.tags

    @flow
    def sends() -> Any:
        with tags("sent"):
            return tried.delay("x").task_run_id

    id_ = sends()
    work(tried)
    future: PrefectDistributedFuture[list[str]] = PrefectDistributedFuture(id_)
    assert future.result() == ["sent", "slow"]
    [caller] = current_journal().flow_runs()
    [run] = [each for each in current_journal().task_runs(caller.id) if each.id == id_]
    assert (run.name, run.run_count, run.state.name) == ("try-x", 3, "Completed")
    assert [event.name for event in run.history][:2] == ["Scheduled", "Running"]


def test_results_persist_and_are_cached_as_usual(ledger: Ledger) -> None:
    calls: list[int] = []

    @task(cache_policy=INPUTS)
    def counted(n: int) -> int:
        calls.append(n)
        return n

    futures = [counted.delay(5), counted.delay(5)]
    work(counted, limit=1)
    assert [future.result() for future in futures] == [5, 5]
    assert calls == [5]
    assert sorted(future.state.name for future in futures) == ["Cached", "Completed"]


def test_what_cannot_travel_is_told(ledger: Ledger) -> None:
    import threading

    with pytest.raises(UnserializableResult):
        add.delay(threading.Lock(), 1)

    @task
    def locks() -> Any:
        return threading.Lock()

    future = locks.delay()
    work(locks)
    assert future.state.name == "Completed"
    with pytest.raises(MissingResult, match="did not come back"):
        future.result()


def test_a_flow_can_have_all_its_tasks_carried_out_elsewhere(ledger: Ledger) -> None:
    import threading

    @flow(task_runner=PrefectTaskRunner())
    def spread() -> Any:
        futures = add.map([1, 2], [3, 4])
        return total.submit(futures)

    journal, over = current_journal(), threading.Event()

    def serving() -> None:
        with using_ledger(ledger), using_journal(journal):
            worker = TaskWorker(add, total)
            threading.Thread(target=lambda: (over.wait(), worker.stop()), daemon=True).start()
            worker.start()

    thread = threading.Thread(target=serving)
    thread.start()
    try:
        assert spread().result() == 10
    finally:
        over.set()
        thread.join()


def test_a_task_run_whose_workers_all_die_is_given_up(ledger: Ledger) -> None:
    future = add.delay(1, 1)
    done = subprocess.run(
        [sys.executable, "-c", "from strongroom.processes import this_process; print(this_process())"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    dead = done.stdout.strip()
    for delivery in range(queue.MOST_DELIVERIES):
        with ledger.changing() as session:
            [taken] = queue.take(session, [add.task_key], 1, dead)
            assert taken.deliveries == delivery
        TaskWorker(double)._keep_up()
    assert (future.state.name, future.state.message) == ("Crashed", "5 workers died while they carried it out.")


def test_what_cannot_be_served_is_told() -> None:
    with pytest.raises(InvalidDeployment, match="no task"):
        serve()
    with pytest.raises(InvalidDeployment, match="limit of 0"):
        serve(add, limit=0)
    with pytest.raises(InvalidDeployment, match="status server"):
        serve(add, status_server_port=8080)


def test_a_worker_that_dies_gives_its_call_to_another_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRONGROOM_RESULTS_SEALED", "false")
    (tmp_path / "meeting.py").write_text(TASKS)
    monkeypatch.syspath_prepend(str(tmp_path))
    from meeting import meets  # type: ignore[import-not-found]

    os.mkfifo(tmp_path / "gate")
    started: list[subprocess.Popen[bytes]] = []

    def worker() -> subprocess.Popen[bytes]:
        process = subprocess.Popen([sys.executable, "meeting.py"], cwd=tmp_path)
        started.append(process)
        return process

    def held_by(pid: int) -> Callable[[Session], bool | None]:
        def probe(session: Session) -> bool | None:
            found = queue.find(session, future.task_run_id)
            return True if found and (found.holder or "").startswith(f"{pid}@") else None

        return probe

    try:
        future = meets.delay(str(tmp_path))
        first = worker()
        assert wait_until(held_by(first.pid), 60)
        first.send_signal(signal.SIGKILL)
        first.wait()
        second = worker()
        assert wait_until(held_by(second.pid), 60)
        with (tmp_path / "gate").open("w"):
            pass
        assert future.result(timeout=60) == second.pid
        with current_ledger().reading() as session:
            assert [row.deliveries for row in [queue.find(session, future.task_run_id)] if row] == [2]
        second.send_signal(signal.SIGTERM)
        assert second.wait(60) == 0
    finally:
        for process in started:
            process.kill()
            process.wait()
