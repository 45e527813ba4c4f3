"""Flows that are killed at random moments, each of another kind. Whatever they do stands in a diary, line by line.

:mod:`faults.killed_flows` runs them in processes of their own, and resumes what it killed.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from strongroom import Task, flow, task
from strongroom.cache_policies import INPUTS, NO_CACHE
from strongroom.concurrency.sync import concurrency
from strongroom.context import FlowRunContext
from strongroom.flow_runs import suspend_flow_run
from strongroom.locking.isolation import IsolationLevel
from strongroom.task_runners import DaskTaskRunner, ProcessPoolTaskRunner
from strongroom.transactions import transaction

STEPS = 24
LARGE = 20_000
"""Bytes of a result that is kept in a file rather than in the run history."""


def write(what: str, key: object) -> None:
    """A line of the diary, whole or not at all."""
    name = os.environ.get("DIARY") or Path(os.environ["DIARIES"]).read_text()  # a worker of Dask outlives several
    diary = os.open(name, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(diary, f"{what} {key}\n".encode())
    finally:
        os.close(diary)


def begun() -> None:
    here = FlowRunContext.get()
    assert here is not None
    write("run", here.flow_run.id)


@task(task_run_name="{key}", cache_policy=NO_CACHE)
def step(key: str) -> tuple[str, bytes]:
    time.sleep(0.004)
    write("done", key)
    return key, bytes(LARGE if key.endswith("3") else 10)


@task(task_run_name="{key}", persist_result=True, cache_policy=NO_CACHE)
def kept(key: str) -> str:
    time.sleep(0.002)
    write("done", key)
    return key


@kept.on_rollback  # type: ignore[untyped-decorator]
def _undone(_: object) -> None:
    write("undone", "kept")


@task(
    task_run_name="{key}",
    persist_result=True,
    cache_policy=INPUTS.configure(isolation_level=IsolationLevel.SERIALIZABLE),
)
def in_turn(key: str) -> str:
    with concurrency("faults", occupy=1, timeout_seconds=30):
        time.sleep(0.002)
    write("done", key)
    return key


def all_of(given: Task[[str], Any], count: int = STEPS, prefix: str = "") -> list[str]:
    """Calls of a task one after another; a line says when each was back."""
    found = []
    for n in range(count):
        value = given(f"{prefix}{n}")
        write("back", f"{prefix}{n}")
        found.append(value if isinstance(value, str) else value[0])
    return found


@flow
def called() -> list[str]:
    begun()
    return all_of(step)


@flow(durable=True)
def durable() -> list[str]:
    begun()
    return all_of(step, 12)


@flow
def submitted() -> list[str]:
    begun()
    keys = [str(n) for n in range(STEPS)]
    return [found[0] for found in step.map(keys).result()] + [found[0] for found in step.map(["a", "b"]).result()]


@flow(task_runner=ProcessPoolTaskRunner(max_workers=2))
def processes() -> list[str]:
    begun()
    return [found[0] for found in step.map([str(n) for n in range(STEPS)]).result()]


@flow(task_runner=ProcessPoolTaskRunner(max_workers=1), durable=True)
def durable_processes() -> list[str]:
    begun()
    found = []
    for n in range(8):
        found.append(step.submit(str(n)).result()[0])
        write("back", n)
    return found


@flow(flow_run_name="part {prefix}")
def part(prefix: str) -> list[str]:
    return all_of(step, 6, prefix)


@flow
def subflows() -> list[str]:
    begun()
    return part("a-") + part("b-") + [found[0] for found in step.map(["x", "y", "z"]).result()] + part("c-")


@flow
def transactions() -> list[str]:
    begun()
    found: list[str] = []
    for group in ("a-", "b-", "c-"):
        with transaction():
            found += all_of(kept, 5, group)
    return found


@flow
def locks() -> list[str]:
    begun()
    return all_of(in_turn, 8, os.environ["TURN"])


@flow
def suspended() -> list[str]:
    begun()
    found = all_of(step, 6, "a-")
    suspend_flow_run(timeout=600)
    return found + all_of(step, 6, "b-")


@flow(task_runner=DaskTaskRunner(address=os.environ.get("DASK_SCHEDULER")))
def dask() -> list[str]:
    begun()
    return [found[0] for found in step.map([str(n) for n in range(STEPS)]).result()]
