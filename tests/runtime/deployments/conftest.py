"""Deployments on ledgers of every kind, with a clock that stands still; and processes that really serve."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from strongroom.clock import FixedClock, using_clock
from strongroom.deployments import due_runs, store
from strongroom.deployments.records import Deployment, DueRun
from strongroom.deployments.runner import RunnerDeployment
from strongroom.journal import current_journal, using_journal
from strongroom.journal.memory import MemoryJournal
from strongroom.ledger import Ledger, current_ledger, open_ledger, using_ledger, wait_until

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)

FLOWS = """
import os, sys
from datetime import datetime
from pathlib import Path
from strongroom import Block, flow, get_run_logger, task
from strongroom.flow_runs import suspend_flow_run
from strongroom.runtime import deployment, flow_run

@task
def double(n):
    return 2 * n

@flow(log_prints=True)
def good(n: int = 1, word: str = "a") -> int:
    print("word", word)
    return double(n)

@flow
def bad():
    raise ValueError("the boiler burst")

@flow
def told() -> dict:
    return {
        "deployment": deployment.name,
        "id": deployment.id,
        "version": deployment.version,
        "parameters": deployment.parameters,
        "expected": flow_run.scheduled_start_time,
        "variable": os.environ.get("COLOUR", ""),
        "folder": os.getcwd(),
        "tags": flow_run.tags,
        "variables": flow_run.job_variables,
    }

@flow
def dies():
    os._exit(3)

@flow
def waits(folder: str):
    try:
        Path(folder, "gate").read_text()
    finally:
        Path(folder, "cleaned-up").touch()

@flow
def suspends():
    suspend_flow_run()
    return "resumed"
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


@pytest.fixture
def clock() -> Iterator[FixedClock]:
    fixed = FixedClock(NOON)
    with using_clock(fixed):
        yield fixed


@pytest.fixture
def flows(tmp_path: Path) -> Path:
    """A file of flows."""
    path = tmp_path / "flows.py"
    path.write_text(FLOWS)
    return path


def made(name: str = "nightly", *, flow_name: str = "load", **options: Any) -> RunnerDeployment:
    """A deployment of a flow that need not be there."""
    given = {"entrypoint": "flows.py:load", "path": "/nowhere", **options}
    return RunnerDeployment(name, flow_name, **given)


def stored(name: str = "load/nightly") -> Deployment:
    with current_ledger().reading() as session:
        return store.find(session, name)


def rows() -> list[DueRun]:
    """Every run of a deployment that the ledger has, the earliest due first."""
    with current_ledger().reading() as session:
        ids = session.execute("SELECT id FROM deployment_runs ORDER BY due, id")
        found = [due_runs.find(session, id_) for (id_,) in ids]
    return [run for run in found if run is not None]


def ended(run_id: Any) -> DueRun:
    """The run, once it is over."""

    def probe(session: Any) -> DueRun | None:
        run = due_runs.find(session, run_id)
        return run if run is not None and run.stage == "ended" else None

    found = wait_until(probe, 60)
    assert found is not None, "the run does not end"
    return found


def names(state: str) -> list[str]:
    return [run.name for run in current_journal().flow_runs(limit=1000) if run.state.name == state]


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts processes that serve; ends them."""
    started: list[subprocess.Popen[str]] = []

    def start(*command: str, **environment: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, *command], cwd=tmp_path, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            env={**os.environ, **environment},
        )  # fmt: skip
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
        process.communicate()
