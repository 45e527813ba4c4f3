"""Flows and tasks beside those of Prefect (ephemeral, and with its server), DBOS, Dask and the bare executor."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks import environments
from benchmarks.table import Row
from benchmarks.tasks import _home, _microseconds, _peak

SIZES = (10, 100, 1_000, 10_000)
PREFECT = "Prefect 3.8.8, ephemeral"
SERVED = "Prefect 3.8.8, with its server"
MAPPED = 100_000


def run(quick: bool) -> list[Row]:
    """Tasks and flows a run, by way and by number; imports and help; the memory of 100,000 mapped tasks."""
    count, rounds = (300, 3) if quick else (2_000, 7)
    with _home():
        ours, bare, dask = _ours(count, rounds)
    tasks, subflows = ("50", "5") if quick else ("200", "20")
    ephemeral = environments.figures("prefect", tasks, subflows)
    with environments.prefect_server() as url:
        served = environments.figures("prefect", tasks, subflows, PREFECT_API_URL=url)
    dbos = environments.figures("dbos", tasks, subflows)
    rows = [
        Row(f"a no-op task, {way}", ours[way], peer[way], "us", 0.02, f"peer: {name}; states persisted")
        for way in ("called", "submitted", "mapped", "hits")
        for peer, name in ((ephemeral, PREFECT), (served, SERVED))
    ]
    rows += [
        Row("a no-op task, submitted", ours["submitted"], bare["submitted"], "us", 5.0, "peer: ThreadPoolExecutor"),
        Row("no-op tasks, mapped, each", ours["mapped"], bare["submitted"], "us", None, "peer: one by one, likewise"),
        Row("a no-op task, called", ours["called"], dbos["called"], "us", 0.1, "peer: a step of DBOS on SQLite"),
        Row("a no-op task, submitted", ours["submitted"], dask["submitted"], "us", 0.2, "peer: Dask alone, threads"),
        Row("no-op tasks, mapped, each", ours["mapped"], dask["mapped"], "us", 1.0, "peer: Dask alone, threads"),
        Row("a subflow", ours["nested"], ephemeral["nested"], "us", 0.02, f"peer: {PREFECT}"),
        Row("a subflow", ours["nested"], dbos["nested"], "us", None, "peer: a child workflow of DBOS on SQLite"),
        Row("a flow of 10 tasks", ours["a flow of 10"], ephemeral["a flow of 10"], "us", 0.02, f"peer: {PREFECT}"),
    ]
    smallest = ours["a flow of 100"] / 100
    rows += [
        Row(f"a flow of {size:,} tasks, each", ours[f"a flow of {size}"] / size, smallest, "us", 1.5, "peer: of 100")
        for size in SIZES[2:]
    ]
    return [*rows, *_starts(quick), *_memory(quick)]


Figures = dict[str, float]


def _ours(count: int, rounds: int) -> tuple[Figures, Figures, Figures]:
    from strongroom import flow, task
    from strongroom.cache_policies import INPUTS

    @task
    def nothing(x: int) -> int:
        return x

    @task(cache_policy=INPUTS)
    def cached(x: int) -> int:
        return x

    @flow
    def called(many: int = count) -> None:
        for n in range(many):
            nothing(n)

    @flow
    def submitted() -> None:
        for n in range(count):
            nothing.submit(n).result()

    @flow
    def mapped() -> None:
        nothing.map(range(count)).result()

    @flow
    def hits() -> None:
        for _ in range(count):
            cached(1)

    @flow
    def empty() -> None:
        pass

    @flow
    def nested() -> None:
        for _ in range(count):
            empty()

    def executor() -> None:
        with ThreadPoolExecutor() as pool:
            for n in range(count):
                pool.submit(int, n).result()

    ways: dict[str, Callable[[], object]] = {
        "called": called, "submitted": submitted, "mapped": mapped, "hits": hits, "nested": nested,
    }  # fmt: skip
    for way in ways.values():
        way()
    seen: dict[str, list[float]] = {}
    for _ in range(rounds):
        for name, way in {**ways, "executor": executor}.items():
            seen.setdefault(name, []).append(_microseconds(way, count))
    figures = {name: statistics.median(found) for name, found in seen.items()}
    for size in SIZES:
        figures[f"a flow of {size}"] = min(_microseconds(lambda size=size: called(size), 1) for _ in range(3))  # type: ignore[misc]
    return figures, {"submitted": figures["executor"]}, _dask(min(count, 500))


def _dask(count: int) -> Figures:
    """Dask alone, in threads of this process."""
    from distributed import Client

    with Client(processes=False, dashboard_address=None, silence_logs=50) as client:

        def submitted() -> None:
            for n in range(count):
                client.submit(int, n, pure=False).result()

        def mapped() -> None:
            client.gather(client.map(int, range(count), pure=False))

        ways = {"submitted": submitted, "mapped": mapped}
        return {name: min(_microseconds(way, count) for _ in range(3)) for name, way in ways.items()}


def _starts(quick: bool) -> list[Row]:
    rounds = 2 if quick else 5
    prefect = environments.program("prefect")
    ours, peer = [], []
    help_ours, help_peer = [], []
    for _ in range(rounds):
        ours.append(_seconds([sys.executable, "-c", "from strongroom import flow, task"]))
        peer.append(_seconds([prefect, "-c", "from prefect import flow, task"]))
        help_ours.append(_seconds([str(Path(sys.executable).with_name("strongroom")), "--help"]))
        help_peer.append(_seconds([environments.program("prefect", "prefect"), "--help"]))
    note = "peer: the same names of Prefect 3.8.8; whole processes"
    return [
        Row("import of flow and task", min(ours) * 1e3, min(peer) * 1e3, "ms", 0.2, note),
        Row("--help", min(help_ours) * 1e3, min(help_peer) * 1e3, "ms", 0.1, "peer: prefect --help"),
    ]


def _seconds(command: list[str]) -> float:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    begun = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
    return time.perf_counter() - begun


def _memory(quick: bool) -> list[Row]:
    """What a mapped range takes of memory, the list of its futures included."""
    most = MAPPED // 10 if quick else MAPPED
    few, many = (_peak(size, _MAPPER) for size in (most // 10, most))
    note = f"a task, beyond those of {most // 10:,} ({few:.0f} MiB); the list of futures is the caller's"
    return [Row(f"memory of {most:,} mapped tasks", (many - few) * 1024 / (most * 0.9), None, "KiB", 2.0, note)]


_MAPPER = """
import json, logging, resource, sys
from strongroom import flow, task
logging.disable(logging.INFO)

@task
def nothing(x: int) -> None:
    return None

@flow
def many(count: int) -> None:
    nothing.map(range(count)).wait()

many(int(sys.argv[1]))
print(json.dumps(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024))
"""
