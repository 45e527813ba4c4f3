"""Dask: the contract on one small cluster, and what happens to workers that are lost."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from strongroom.task_runners import DaskTaskRunner, TaskRunner
from strongroom.testing import TaskRunnerContract

distributed = pytest.importorskip("distributed")


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
        with distributed.LocalCluster(
            n_workers=2, threads_per_worker=2, host="127.0.0.1", dashboard_address=None, memory_limit=0
        ) as cluster:
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
