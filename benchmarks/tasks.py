"""No-op tasks in a flow whose states are journaled, beside the bare executor of the standard library."""

from __future__ import annotations

import gc
import json
import logging
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from benchmarks.table import Row

PEER = "ThreadPoolExecutor.submit(f).result()"
MANY = 10_000


def run(quick: bool) -> list[Row]:
    """Called, submitted and mapped tasks, and what 10,000 of them leave in memory."""
    rounds, count = (3, 300) if quick else (9, 2000)
    with _home():
        from strongroom import flow, task

        @task
        def nothing(x: int) -> int:
            return x

        @flow
        def called() -> None:
            for n in range(count):
                nothing(n)

        @flow
        def submitted() -> None:
            for n in range(count):
                nothing.submit(n).result()

        @flow
        def mapped() -> None:
            nothing.map(range(count)).result()

        def executor() -> None:
            with ThreadPoolExecutor() as pool:
                for n in range(count):
                    pool.submit(int, n).result()

        ways: dict[str, Callable[[], object]] = {"called": called, "submitted": submitted, "mapped": mapped}
        for way in ways.values():
            way()
        seen: dict[str, list[float]] = {name: [] for name in [*ways, "executor"]}
        for _ in range(rounds):
            for name, way in {**ways, "executor": executor}.items():
                seen[name].append(_microseconds(way, count))
    peer = statistics.median(seen["executor"])
    rows = [
        Row(f"a no-op task, {name}", statistics.median(seen[name]), peer, "us", 5.0, f"peer: {PEER}; states journaled")
        for name in ways
    ]
    few, many = (_peak(n) for n in (MANY // 10, MANY))
    note = f"beyond that of {MANY // 10:,} tasks ({few:.0f} MiB)"
    return [*rows, Row(f"memory of {MANY:,} called tasks", many - few, None, "MiB", 20.0, note)]


def _microseconds(way: Callable[[], object], count: int) -> float:
    gc.collect()
    begun = time.perf_counter()
    way()
    return (time.perf_counter() - begun) / count * 1e6


@contextmanager
def _home() -> Iterator[None]:
    """A home of its own, and a quiet log."""
    before = {name: os.environ.get(name) for name in ("STRONGROOM_HOME", "XDG_CONFIG_HOME")}
    logging.disable(logging.INFO)
    with tempfile.TemporaryDirectory() as folder:
        os.environ.update(STRONGROOM_HOME=f"{folder}/home", XDG_CONFIG_HOME=f"{folder}/config")
        try:
            yield
        finally:
            logging.disable(logging.NOTSET)
            for name, value in before.items():
                os.environ.pop(name) if value is None else os.environ.update({name: value})


def _peak(count: int, script: str = "") -> float:
    """The peak memory, in MiB, of a process that runs ``count`` tasks in one flow: by a ``script``, or called."""
    with _home():
        done = subprocess.run(
            [sys.executable, "-c", script or _CALLER, str(count)],
            capture_output=True,
            text=True,
            check=True,
            cwd=Path.cwd(),
        )
    return float(json.loads(done.stdout.splitlines()[-1]))


_CALLER = """
import json, logging, resource, sys
from strongroom import flow, task
logging.disable(logging.INFO)

@task
def nothing(x: int) -> int:
    return x

@flow
def many(count: int) -> None:
    for n in range(count):
        nothing(n)

many(int(sys.argv[1]))
print(json.dumps(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024))
"""
