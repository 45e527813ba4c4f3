"""A dbt build as a task, with a run for each node, against ``dbt build`` itself; and against prefect-dbt where it is to
be had."""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from strongroom import DuckDB, flow
from strongroom.testing import strongroom_test_harness
from strongroom_dbt import DbtProfile, DbtProject, dbt_build

from benchmarks.environments import figures, prefect_server
from benchmarks.table import Row

QUIET = {"DBT_SEND_ANONYMOUS_USAGE_STATS": "false", "DO_NOT_TRACK": "1"}
THREADS = 4


def project_of(folder: Path, nodes: int) -> Path:
    """A project of so many models: chains of ten, each model a table made of the one before it."""
    (folder / "models").mkdir(parents=True)
    (folder / "dbt_project.yml").write_text("name: bench\nversion: '1.0'\nprofile: bench\n")
    (folder / "profiles.yml").write_text(
        "bench: {target: dev, outputs: {dev: {type: duckdb, path: bare.duckdb, threads: " + str(THREADS) + "}}}\n"
    )
    for number in range(nodes):
        source = "(select 1 as n)" if number % 10 == 0 else f"{{{{ ref('model_{number - 1}') }}}}"
        sql = "{{ config(materialized='table') }} select n + 1 as n from " + source
        (folder / "models" / f"model_{number}.sql").write_text(sql + "\n")
    return folder


@flow
def built(project: DbtProject) -> int:
    return len(dbt_build(project).nodes)


def run(quick: bool = False) -> list[Row]:
    """The rows of this benchmark."""
    return [row for nodes in ((10,) if quick else (10, 100)) for row in _rows(nodes, 3 if quick else 5)]


def _rows(nodes: int, rounds: int) -> list[Row]:
    with tempfile.TemporaryDirectory() as temporary, strongroom_test_harness():
        bare, own = (project_of(Path(temporary, name), nodes) for name in ("bare", "own"))
        warehouse = DuckDB(path=str(Path(temporary, "own.duckdb")))
        project = DbtProject(project_dir=own, profile=DbtProfile(warehouse=warehouse, threads=THREADS))
        ways: list[Callable[[], object]] = [lambda: _bare(bare), lambda: built(project)]
        for way in ways:  # parses the project, and compiles dbt's modules
            way()
        walls: list[list[float]] = [[], []]
        work: list[list[float]] = [[], []]
        for round_ in range(rounds):
            for index in (0, 1) if round_ % 2 == 0 else (1, 0):
                begun, before = time.perf_counter(), _processor_seconds()
                ways[index]()
                walls[index].append(time.perf_counter() - begun)
                work[index].append(_processor_seconds() - before)
        (theirs, ours), (their_work, our_work) = map(statistics.median, walls), map(statistics.median, work)
    note = f"{THREADS} threads, parsed before; ours with a state of each node in the history"
    rows = [
        Row(f"dbt build of {nodes} models", ours, theirs, "s", 1.1, note),
        Row("the same, processor time", our_work, their_work, "s", 1.1, "which a busy machine changes less"),
    ]
    return rows + _prefect(nodes, rounds, ours)


def _processor_seconds() -> float:
    """Of this process and of those that it ran, so far."""
    spent = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in spent)


def _bare(folder: Path) -> None:
    command = [str(Path(sys.executable).with_name("dbt")), "build", "--quiet"]
    subprocess.run(command, cwd=folder, env=os.environ | QUIET, check=True, capture_output=True)


def _prefect(nodes: int, rounds: int, ours: float) -> list[Row]:
    with tempfile.TemporaryDirectory() as temporary:
        folder = project_of(Path(temporary, "peer"), nodes)
        try:
            with prefect_server() as url:
                found = figures("prefect_dbt", str(folder), str(rounds), PREFECT_API_URL=url)
        except subprocess.CalledProcessError:
            return []  # its environment cannot be made here
    return [
        Row(
            f"the same, prefect-dbt's runner, {nodes} models",
            ours,
            found["runner"],
            "s",
            None,
            "its runner in a process that has imported dbt",
        )
    ]
