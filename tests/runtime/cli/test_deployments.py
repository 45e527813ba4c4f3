"""Deployments, pools, workers and background tasks from the shell."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

FLOWS = """
from strongroom import flow, task

@flow
def load(day: str = "today", n: int = 1) -> dict:
    return {"day": day, "n": n}

@flow
def fails():
    raise ValueError("the boiler burst")

@task
def add(a, b):
    return a + b

@task
def shout(word):
    return word.upper()

add.serve()
"""


@pytest.fixture
def flows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("STRONGROOM_RESULTS_SEALED", "false")
    monkeypatch.syspath_prepend(str(tmp_path))
    path = tmp_path / "shop.py"
    path.write_text(FLOWS.replace("add.serve()\n", "if __name__ == '__main__':\n    add.serve()\n"))
    return path


@pytest.fixture
def deployed(strongroom: Any, flows: Path) -> str:
    """A deployment in a pool, ``load/nightly``."""
    strongroom("pool", "create", "machines")
    strongroom(
        "deploy", f"{flows}:load", "-n", "nightly", "--pool", "machines", "--cron", "0 4 * * *",
        "--timezone", "Europe/Berlin", "-p", "n=7", "-t", "night",
    )  # fmt: skip
    return "load/nightly"


def listed(strongroom: Any, *args: str) -> Any:
    return json.loads(strongroom(*args, "--json").stdout)


def test_a_deployment_is_made_listed_and_shown(strongroom: Any, deployed: str) -> None:
    [row] = listed(strongroom, "deployment", "ls")
    assert (row["name"], row["pool"], row["parameters"], row["tags"]) == (deployed, "machines", {"n": 7}, ["night"])
    [schedule] = row["schedules"]
    assert (schedule["cron"], schedule["timezone"], len(schedule["next"])) == ("0 4 * * *", "Europe/Berlin", 3)
    assert "cron 0 4 * * * (Europe/Berlin)" in strongroom("deployment", "inspect", deployed).stdout
    assert listed(strongroom, "deployments", "list", "--flow-name", "other") == []
    assert "no deployment 'load/nightli'" in strongroom("deployment", "inspect", "load/nightli", code=3).stderr
    assert "load/nightly" in strongroom("deployment", "inspect", "load/nightli", code=3).stderr


def test_a_worker_carries_out_what_is_due(strongroom: Any, process: Any, deployed: str, flows: Path) -> None:
    asked = listed(strongroom, "deployment", "run", deployed, "-p", "day=monday", "--name", "mine")
    strongroom("deployment", "run", deployed, "--start-in", "2h")
    process("worker", "start", "--pool", "machines", "--run-once")
    assert "Completed" in strongroom("runs", "show", asked["id"]).stdout
    states = [run["state_name"] for run in listed(strongroom, "runs", "ls", "--limit", "50")]
    assert sorted(set(states)) == ["Completed", "Scheduled"]
    assert states.count("Completed") == 1


def test_who_watches_a_run_sees_what_it_returned(strongroom: Any, process: Any, deployed: str, flows: Path) -> None:
    worker = subprocess.Popen([sys.executable, "-m", "strongroom", "worker", "start", "-p", "machines", "-n", "ada"])
    try:
        done = process("deployment", "run", deployed, "-p", "day=monday", "--watch", "--json")
        assert json.loads(done.stdout)["result"] == {"day": "monday", "n": 7}
        strongroom("deploy", f"{flows}:fails", "-n", "bad", "--pool", "machines")
        done = process("deployment", "run", "fails/bad", "--watch", code=1)
        assert "the boiler burst" in done.stderr
        [seen] = listed(strongroom, "pool", "inspect", "machines")["workers"]
        assert seen["name"] == "ada"
    finally:
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(60) == 0
    assert listed(strongroom, "pool", "inspect", "machines")["workers"] == []


def test_schedules_come_and_go(strongroom: Any, deployed: str) -> None:
    def planned() -> int:
        runs = listed(strongroom, "runs", "ls", "--limit", "500")
        return len([run for run in runs if run["state_name"] == "Scheduled"])

    assert planned() == 3
    strongroom("deployment", "pause", deployed)
    assert planned() == 0
    strongroom("deployment", "resume", deployed)
    made = listed(strongroom, "deployment", "schedule", "create", deployed, "--interval", "1800", "--slug", "often")
    assert made["interval"] == 1800
    assert "often" in strongroom("deployment", "schedule", "ls", deployed).stdout
    assert (
        "'often' already"
        in strongroom(
            "deployment", "schedule", "create", deployed, "--cron", "1 * * * *", "--slug", "often", code=4
        ).stderr
    )
    strongroom("deployment", "schedule", "pause", deployed, "often")
    active = {row["slug"]: row["active"] for row in listed(strongroom, "deployment", "schedule", "ls", deployed)}
    assert active == {None: True, "often": False}
    strongroom("deployment", "schedule", "resume", deployed, made["id"][:8])
    strongroom("deployment", "schedule", "delete", deployed, "often", "--yes")
    assert (
        "no schedule 'often'"
        in strongroom("deployment", "schedule", "delete", deployed, "often", "--yes", code=3).stderr
    )
    strongroom("deployment", "schedule", "clear", deployed, "--yes")
    assert listed(strongroom, "deployment", "schedule", "ls", deployed) == []
    assert "Add --yes" in strongroom("deployment", "delete", deployed, code=2).stderr
    strongroom("deployment", "delete", deployed, "--yes")
    assert listed(strongroom, "deployment", "ls") == []


def test_pools_are_limited_paused_and_removed(strongroom: Any, deployed: str, flows: Path) -> None:
    strongroom("work-pool", "set-concurrency-limit", "machines", "2")
    strongroom("pool", "pause", "machines")
    [row] = listed(strongroom, "pool", "ls")
    assert (row["concurrency_limit"], row["paused"], row["type"]) == (2, True, "process")
    strongroom("pool", "clear-concurrency-limit", "machines")
    strongroom("pool", "resume", "machines")
    assert "load/nightly" in strongroom("pool", "delete", "machines", "--yes", code=1).stderr
    strongroom("deployment", "delete", deployed, "--yes")
    strongroom("pool", "delete", "machines", "--yes")
    assert "no work pool 'machines'" in strongroom("pool", "inspect", "machines", code=3).stderr
    assert "'docker'" in strongroom("pool", "create", "x", "--type", "docker", code=1).stderr
    given = ("deploy", f"{flows}:load", "-n", "x", "--pool", "nowhere")
    assert "no work pool 'nowhere'" in strongroom(*given, code=3).stderr


def test_a_run_by_hand_executes_what_waits(strongroom: Any, process: Any, deployed: str) -> None:
    asked = listed(strongroom, "deployment", "run", deployed)
    done = process("runs", "execute", asked["id"])
    assert "Completed" in done.stdout
    assert "No run" in process("runs", "execute", asked["id"], code=3).stderr
    assert "is no id" in process("runs", "execute", "0197c1", code=2).stderr


def test_what_a_flow_returned_is_shown_without_secrets(process: Any, tmp_path: Path, canary: Any) -> None:
    token = canary("token")
    (tmp_path / "leaky.py").write_text(
        "import os\nfrom pydantic import SecretStr\nfrom strongroom import flow\n"
        "from strongroom import redactor\n"
        "@flow\ndef leaks() -> dict:\n"
        "    redactor.register(os.environ['TOKEN'])\n"
        "    return {'clear': os.environ['TOKEN'], 'n': 1}\n"
        "@flow\ndef wraps() -> SecretStr:\n"
        "    return SecretStr(os.environ['TOKEN'])\n"
    )
    done = process("run", "leaky.py:leaks", "--json", env={"TOKEN": token})
    assert json.loads(done.stdout)["result"]["n"] == 1
    assert "***" in process("run", "leaky.py:wraps", env={"TOKEN": token}).stdout


def test_background_tasks_are_served_from_files_and_modules(process: Any, flows: Path, tmp_path: Path) -> None:
    sender = (
        "from shop import add, shout\n"
        "from strongroom.futures import wait\n"
        "futures = [add.delay(1, 2), shout.delay('a')]\n"
        "import subprocess, sys\n"
        "subprocess.run([sys.executable, '-m', 'strongroom', 'task', 'serve', *sys.argv[1:], '--once'], check=True)\n"
        "print([future.result(timeout=0) for future in futures])\n"
    )
    for given in (["shop.py:add", "shop.py:shout"], ["--module", "shop"]):
        done = subprocess.run(
            [sys.executable, "-c", sender, *given], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.stdout.splitlines()[-1:] == ["[3, 'A']"], done.stderr
    assert "no task 'ad'" in process("task", "serve", "shop.py:ad", code=3).stderr
    assert "No task is named" in process("task", "serve", code=2).stderr
