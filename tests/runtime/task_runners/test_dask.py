"""Dask: the contract on one small cluster, and what happens to workers that are lost."""

from __future__ import annotations

import os
import pickle
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dask
import distributed
import pytest
from strongroom import flow, task
from strongroom.context import FlowRunContext
from strongroom.errors import InvalidDefinition
from strongroom.journal import using_journal
from strongroom.journal.memory import MemoryJournal
from strongroom.task_runners import DaskTaskRunner, TaskRunner, get_async_dask_client, get_dask_client, travel
from strongroom.testing import TaskRunnerContract
from strongroom.testing.task_runner_contract import until


@pytest.fixture(scope="module")
def homes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of the workers, which outlives a test."""
    folder = tmp_path_factory.mktemp("cluster")
    return {"STRONGROOM_HOME": str(folder / "home"), "XDG_CONFIG_HOME": str(folder / "config")}


@pytest.fixture(scope="module")
def cluster(homes: dict[str, str]) -> Iterator[Any]:
    before = dict(os.environ)
    os.environ.update(homes)
    try:
        with (
            dask.config.set({"distributed.scheduler.allowed-failures": 1}),
            distributed.LocalCluster(
                n_workers=2, threads_per_worker=2, host="127.0.0.1", dashboard_address=None, memory_limit=0
            ) as cluster,
        ):
            yield cluster
    finally:
        os.environ.clear()
        os.environ.update(before)


@pytest.fixture
def home(homes: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    for name, value in homes.items():
        monkeypatch.setenv(name, value)
    return Path(homes["STRONGROOM_HOME"])


class TestDask(TaskRunnerContract):
    @pytest.fixture
    def home(self, home: Path) -> Path:  # type: ignore[override]
        return home

    @pytest.fixture
    def runner(self, cluster: Any) -> TaskRunner:
        return DaskTaskRunner(address=cluster.scheduler_address)


@task
def large(n: int) -> bytes:
    return bytes([n]) * 2_000_000


@task
def joined(parts: list[bytes]) -> tuple[int, bytes]:
    return sum(map(len, parts)), parts[0][:1] + parts[-1][:1]


def test_a_large_result_goes_from_worker_to_worker(cluster: Any, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = []
    dumped = travel.dump_inputs

    def watched(*args: Any) -> bytes:
        sizes.append(len(body := dumped(*args)))
        return body

    monkeypatch.setattr(travel, "dump_inputs", watched)

    @flow(task_runner=DaskTaskRunner(address=cluster.scheduler_address))
    def job() -> Any:
        return joined.submit([large.submit(1), large.submit(2)]).result()

    assert job() == (4_000_000, b"\1\2")
    assert max(sizes) < 1000


def test_what_a_lost_worker_was_doing_is_done_again(cluster: Any, home: Path) -> None:
    @task
    def lasting(folder: Path) -> int:
        if not (folder / "lost").exists():
            (folder / "lost").write_text(str(os.getpid()))
            while True:
                time.sleep(0.01)
        return os.getpid()

    @flow(task_runner=DaskTaskRunner(address=cluster.scheduler_address))
    def job() -> tuple[int, int]:
        future = lasting.submit(home)
        lost = int(until(home / "lost"))
        while not future.state.is_running():
            time.sleep(0.005)
        os.kill(lost, signal.SIGKILL)
        return lost, future.result()

    home.mkdir(exist_ok=True)
    with using_journal(MemoryJournal()) as journal:
        lost, done = job()
        [found] = journal.flow_runs()
        [run] = journal.task_runs(found.id)
        assert any("was lost" in line.message for line in journal.logs(found.id))
    assert lost != done
    assert [event.name for event in run.history] == ["Pending", "Running", "Running", "Completed"]
    assert run.run_count == 2


def test_what_the_cluster_lets_go_of_is_lost_and_no_interrupt(cluster: Any, home: Path) -> None:
    @task
    def waits(folder: Path) -> None:
        (folder / "waits").touch()
        while (folder / "waits").exists():
            time.sleep(0.01)

    @flow(task_runner=DaskTaskRunner(address=cluster.scheduler_address))
    def job() -> Any:
        future = waits.submit(home)
        while not future.state.is_running():
            time.sleep(0.005)
        client = FlowRunContext.get().task_runner.client  # type: ignore[union-attr, attr-defined]
        client.cancel([distributed.Future(key, client) for key in list(client.futures)], force=True)
        future.wait()
        (home / "waits").unlink()
        return future.state.message

    home.mkdir(exist_ok=True)
    assert "The Dask cluster let the task go" in job()


def test_a_temporary_cluster_adapts(home: Path) -> None:
    @flow(
        task_runner=DaskTaskRunner(
            cluster_class="distributed.LocalCluster",
            cluster_kwargs={"n_workers": 0, "processes": False, "dashboard_address": None},
            adapt_kwargs={"maximum": 1},
        )
    )
    def job() -> int:
        return count.submit(3).result()

    with using_journal(MemoryJournal()) as journal:
        assert job() == 3
        lines = [line.message for line in journal.logs(journal.flow_runs()[0].id)]
    assert lines.count("counted") == 1


@task(log_prints=True)
def count(n: int) -> int:
    print("counted")
    return n


def test_the_cluster_of_a_flow_has_clients(cluster: Any, home: Path) -> None:
    @task
    def inside() -> int:
        with get_dask_client(timeout="30s") as client:
            return int(client.submit(sum, [1, 2]).result())

    @task
    async def inside_asynchronously() -> int:
        async with get_async_dask_client() as client:
            return int(await client.submit(sum, [3, 4]))

    @flow(task_runner=DaskTaskRunner(cluster=cluster, client_kwargs={"timeout": 30}))
    def job() -> Any:
        with get_dask_client() as client:
            around = client.submit(sum, [5, 6]).result()
        return inside.submit().result(), inside_asynchronously.submit().result(), around

    assert job() == (3, 7, 11)


def test_options_that_do_not_go_together_are_refused() -> None:
    for options in (
        {"address": "tcp://127.0.0.1:1", "cluster_kwargs": {"n_workers": 1}},
        {"cluster": object(), "cluster_class": "distributed.LocalCluster"},
        {"cluster_kwargs": {"asynchronous": True}},
        {"client_kwargs": {"asynchronous": True}},
    ):
        with pytest.raises(ValueError, match="DaskTaskRunner has"):
            DaskTaskRunner(**options)  # type: ignore[arg-type]
    with pytest.raises(InvalidDefinition, match="not open"):
        DaskTaskRunner().submit(count, {"n": 1})
    runner = DaskTaskRunner(address="tcp://127.0.0.1:1")
    assert runner.duplicate() == runner
    assert runner != DaskTaskRunner()
    assert pickle.loads(pickle.dumps(runner)) == runner


def test_a_report_of_the_run_is_written(cluster: Any, home: Path, tmp_path: Path) -> None:
    report = tmp_path / "report.html"

    @flow(task_runner=DaskTaskRunner(cluster=cluster, performance_report_path=str(report)))
    def job() -> int:
        return count.submit(1).result()

    assert job() == 1
    assert "<html" in report.read_text()
