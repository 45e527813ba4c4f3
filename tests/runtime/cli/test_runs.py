"""Flows from the shell: run, listed, shown as a tree, followed, killed, resumed."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

FLOWS = '''
import os, sys, time
from pathlib import Path
from strongroom import flow, get_run_logger, task, tags

@task
def double(n):
    get_run_logger().info("doubling %d", n)
    return 2 * n

@task(log_prints=True)
def shout(word):
    print(word.upper())
    return word.upper()

@flow
def inner(n: int) -> int:
    return double(n)

@flow
def good(n: int = 1, words: list[str] = ["a"]) -> int:
    """Doubles and shouts."""
    for word in words:
        shout(word)
    return inner(n) + double(n)

@task
def boom():
    raise ValueError("the boiler burst")

@flow
def bad():
    double(1)
    boom()

@flow
async def later(n: int = 1) -> int:
    return n

@flow
def many(n: int = 60):
    double.map(range(n)).wait()

@flow
def waiting(folder: str):
    """Completes a task, says that it is up, and waits until the file ``go`` is there."""
    first = double(1)
    note = Path(folder)
    with (note / "calls").open("a") as calls:
        calls.write(f"{first}\\n")
    second = hold(folder)
    return first + second

@task
def hold(folder):
    (Path(folder) / "up").touch()
    while not (Path(folder) / "go").exists():
        time.sleep(0.01)
    return 40
'''


@pytest.fixture
def flows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "shop_flows.py"
    path.write_text(FLOWS)
    monkeypatch.chdir(tmp_path)
    return path


def newest(strongroom: Any) -> dict[str, Any]:
    run: dict[str, Any] = json.loads(strongroom("runs", "ls", "--json", "--limit", "1").stdout)[0]
    return run


def names(node: dict[str, Any]) -> list[Any]:
    return [node["name"], [names(child) for child in node["children"]]] if node["children"] else node["name"]


def test_a_flow_runs_and_says_how_it_ended(process, strongroom, flows):
    done = process("run", f"{flows}:good", "-p", "n=21")
    assert re.fullmatch(r"✓ good [a-z-]+: Completed in .+  \(run [0-9a-f]{8}\)\n84\n", done.stdout)
    assert "doubling 21" in done.stderr
    assert newest(strongroom)["parameters"]["n"] == 21


@pytest.mark.parametrize("entrypoint", ["shop_flows:good", "shop_flows.py:good", "./shop_flows.py:good"])
def test_every_way_to_name_a_flow(strongroom, flows, entrypoint):
    assert "Completed" in strongroom("run", entrypoint).stdout


def test_a_file_with_one_flow_needs_no_name(strongroom, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "one.py").write_text("from strongroom import flow\n@flow\ndef only(): ...\n")
    assert "✓ only" in strongroom("run", "one.py").stdout


def test_an_asynchronous_flow_runs_too(strongroom, flows):
    assert json.loads(strongroom("run", f"{flows}:later", "--json").stdout)["state"] == "COMPLETED"


def test_parameters_are_json_or_texts_or_files(strongroom, flows, tmp_path):
    (tmp_path / "words.json").write_text('["x", "y"]')
    strongroom("run", f"{flows}:good", "-p", "words=@words.json")
    assert newest(strongroom)["parameters"]["words"] == ["x", "y"]
    strongroom("run", f"{flows}:good", "-p", "words=-", input='["z"]')
    assert newest(strongroom)["parameters"]["words"] == ["z"]


def test_a_flow_that_fails_exits_with_1_and_says_why(strongroom, flows):
    done = strongroom("run", f"{flows}:bad", code=1)
    assert "✗ bad" in done.stderr
    assert "the boiler burst" in done.stderr
    assert re.search(r"strongroom runs resume [0-9a-f]{8}", done.stderr)
    assert done.stdout == ""
    assert json.loads(strongroom("run", f"{flows}:bad", "--json", code=1).stdout)["state"] == "FAILED"


@pytest.mark.parametrize(
    ("args", "code", "told"),
    [
        (["shop_flows.py:goood"], 3, "good"),
        (["shop_flows.py:double"], 3, "is no flow"),
        (["shop_flows.py"], 3, "flows: "),
        (["nowhere.py:good"], 3, "There is no file"),
        (["no.such.module:good"], 3, "no.such.module"),
        ([":good"], 3, "module:function"),
        (["shop_flows.py:good", "-p", "n"], 2, "-p name=value"),
        (["shop_flows.py:good", "-p", "n=1", "-p", "n=2"], 2, "twice"),
        (["shop_flows.py:good", "-p", "m=1"], 2, "m"),
        (["shop_flows.py:good", "-p", "n=many"], 1, "n"),
        (["shop_flows.py:good", "-p", "n=@nowhere.json"], 1, "nowhere.json"),
        (["broken.py:f"], 1, "broken.py, line 2"),
        (["wrong.py:f"], 1, "line 1"),
        (["needy.py:f"], 1, "no_such_package"),
    ],
)
def test_what_cannot_be_run_is_told(strongroom, flows, tmp_path, args, code, told):
    (tmp_path / "broken.py").write_text("x = 1\nraise RuntimeError('no luck')\n")
    (tmp_path / "wrong.py").write_text("def f(:\n")
    (tmp_path / "needy.py").write_text("import no_such_package\n")
    done = strongroom("run", *args, code=code)
    assert told in done.stderr
    assert "Traceback" not in done.stderr.split("Error:")[-1]


LEAKY = """
import os
from strongroom import Secret, flow

@flow(log_prints=True)
def leaky():
    value = Secret(value=os.environ["LEAK"]).get()
    print("it is", value)
    raise ValueError(f"bad: {value}")
"""


def test_a_secret_in_an_exception_is_starred(process, strongroom, tmp_path, canary):
    (tmp_path / "leaky.py").write_text(LEAKY)
    done = process("run", "leaky.py", code=1, env={"LEAK": canary()})
    assert "bad: " in done.stderr
    run_id = newest(strongroom)["id"]
    assert "it is" in strongroom("runs", "logs", run_id).stdout
    strongroom("runs", "show", run_id)


def test_the_list_of_runs(strongroom, flows):
    strongroom("run", f"{flows}:good")
    strongroom("run", f"{flows}:bad", code=1)
    lines = strongroom("runs", "ls").stdout.splitlines()
    assert lines[0].split() == ["ID", "FLOW", "NAME", "STATE", "STARTED", "TOOK"]
    assert [line.split()[1] for line in lines[1:]] == ["bad", "good"]
    shown = json.loads(strongroom("runs", "list", "--state", "failed", "--json").stdout)
    assert [run["flow"] for run in shown] == ["bad"]
    assert set(shown[0]) == {
        "id", "flow", "name", "state", "state_name", "lost", "message", "started", "ended", "seconds", "run_count",
        "parameters", "blocks", "tags", "entrypoint", "parent", "created", "expected_start", "deployment", "replay_of",
    }  # fmt: skip
    assert "inner" in strongroom("runs", "ls", "--subflows", "--flow", "inner").stdout


def test_no_run_is_no_error(strongroom):
    done = strongroom("runs", "ls")
    assert done.stdout == ""
    assert "strongroom run" in done.stderr
    assert strongroom("runs", "ls", "--json").stdout == "[]\n"


def test_the_tree_of_a_run(strongroom, flows):
    strongroom("run", f"{flows}:good", "-p", 'words=["a", "b"]')
    run_id = newest(strongroom)["id"]
    tree = json.loads(strongroom("runs", "show", run_id[:6], "--json").stdout)["tree"]
    assert names(tree) == ["good", ["shout-0", "shout-1", ["inner", ["double-0"]], "double-0"]]
    assert tree["children"][2]["kind"] == "flow"
    lines = strongroom("runs", "show", run_id).stdout.splitlines()
    drawn = [line for line in lines if "✓" in line]
    assert [line.split("✓")[0] for line in drawn] == ["", "├─ ", "├─ ", "├─ ", "│  └─ ", "└─ "]
    assert all(re.search(r"Completed +[0-9.]+ m?s$", line) for line in drawn)


def test_why_a_task_failed_stands_below_it(strongroom, flows):
    strongroom("run", f"{flows}:bad", code=1)
    done = strongroom("runs", "show", newest(strongroom)["id"])
    assert re.search(r"✗ boom-0 +Failed.*\n.*the boiler burst", done.stdout)


def test_of_many_siblings_some_are_drawn(strongroom, flows):
    strongroom("run", f"{flows}:many")
    run_id = newest(strongroom)["id"]
    assert "… 20 more that completed (--all shows them)" in strongroom("runs", "show", run_id).stdout
    assert strongroom("runs", "show", run_id, "--all").stdout.count("✓") == 61


def test_the_log_of_a_run(strongroom, flows):
    strongroom("run", f"{flows}:good")
    run_id = newest(strongroom)["id"]
    shown = strongroom("runs", "logs", run_id).stdout
    assert re.search(r"\d\d:\d\d:\d\d\.\d{3} INFO    shout-0  A\n", shown)
    entries = [json.loads(line) for line in strongroom("runs", "log", run_id, "--json").stdout.splitlines()]
    assert {"timestamp", "level", "logger", "flow_run", "task_run", "name", "message"} == set(entries[0])
    assert any(entry["message"] == "A" and entry["name"] == "shout-0" for entry in entries)
    assert strongroom("runs", "logs", run_id, "--level", "error").stdout == ""


def test_a_part_of_the_log_of_a_run(strongroom, flows):
    strongroom("run", f"{flows}:good", "-p", 'words=["a", "b", "c"]')
    last = strongroom("runs", "logs", "last", "--task", "shout", "--tail", "2").stdout.splitlines()
    assert [line.split()[-2:] for line in last] == [["shout-1", "B"], ["shout-2", "C"]]
    [one] = strongroom("runs", "logs", "last", "--task", "shout-1").stdout.splitlines()
    assert one.endswith("B")
    followed = strongroom("runs", "logs", "-f", "last", "--tail", "1").stdout
    assert followed.count("\n") == 1
    assert "Finished in state" in followed


@pytest.mark.parametrize("command", ["show", "logs", "resume"])
def test_an_id_that_no_run_has(strongroom, flows, command):
    strongroom("run", f"{flows}:good")
    assert strongroom("runs", command, "ffffffffffff", code=3).stderr.startswith("Error: ")


def test_a_completed_run_is_not_resumed(strongroom, flows):
    strongroom("run", f"{flows}:good")
    assert "completed" in strongroom("runs", "resume", newest(strongroom)["id"], code=1).stderr


def start(flows: Path, folder: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "strongroom", "run", f"{flows}:waiting", "-p", f"folder={folder}"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for(file: Path, running: subprocess.Popen[str]) -> None:
    while not file.exists():
        assert running.poll() is None, running.communicate()


def test_a_killed_run_is_shown_as_lost_and_resumed_where_it_stopped(strongroom, flows, tmp_path):
    with start(flows, tmp_path) as running:
        wait_for(tmp_path / "up", running)
        while not json.loads(strongroom("runs", "ls", "--json").stdout or "[]"):
            pass
        run_id = newest(strongroom)["id"]
        while "doubling 1" not in strongroom("runs", "logs", run_id).stdout:
            pass
        while "COMPLETED" not in json.dumps(json.loads(strongroom("runs", "show", run_id, "--json").stdout)["tree"]):
            pass
        running.send_signal(signal.SIGKILL)
        running.communicate()
    assert newest(strongroom)["lost"] is True
    assert "Running, lost" in strongroom("runs", "ls").stdout
    assert f"strongroom runs resume {run_id[:8]}" in strongroom("runs", "show", run_id).stderr
    assert "doubling 1" in strongroom("runs", "logs", "-f", run_id).stdout  # ends, as nobody writes any more
    (tmp_path / "go").touch()
    assert "✓ waiting" in strongroom("runs", "resume", run_id[:8]).stdout
    tree = json.loads(strongroom("runs", "show", run_id, "--json").stdout)["tree"]
    assert tree["state"] == "COMPLETED"
    assert [(child["name"], child["kept"]) for child in tree["children"]] == [("double-0", True), ("hold-0", False)]
    assert "kept from before" in strongroom("runs", "show", run_id).stdout
    assert strongroom("runs", "logs", run_id).stdout.count("doubling 1") == 1  # not run again


def test_following_a_run_ends_with_it(strongroom, flows, tmp_path):
    with start(flows, tmp_path) as running:
        wait_for(tmp_path / "up", running)
        while not json.loads(strongroom("runs", "ls", "--json").stdout or "[]"):
            pass
        run_id = newest(strongroom)["id"]
        command = [sys.executable, "-m", "strongroom", "runs", "logs", "-f", run_id]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as following:
            assert following.stdout is not None
            assert "Beginning" in following.stdout.readline()
            (tmp_path / "go").touch()
            rest = following.communicate(timeout=60)[0]
        running.communicate()
    assert "Finished in state Completed()" in rest
    assert following.returncode == 0


def test_ctrl_c_ends_a_run_with_130_and_says_how_to_go_on(flows, tmp_path):
    with start(flows, tmp_path) as running:
        wait_for(tmp_path / "up", running)
        running.send_signal(signal.SIGINT)
        _, told = running.communicate(timeout=60)
    assert running.returncode == 130
    assert "Error: Interrupted." in told
    assert "strongroom runs resume" in told


def test_a_foreign_file_in_the_place_of_the_run_history_is_told(strongroom, strongroom_home):
    strongroom_home.mkdir()
    (strongroom_home / "runs.db").write_bytes(b"nothing of ours" * 50)
    assert "runs.db" in strongroom("runs", "ls", code=1).stderr
    assert os.path.getsize(strongroom_home / "runs.db") == 750
