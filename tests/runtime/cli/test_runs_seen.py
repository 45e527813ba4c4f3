"""Runs found by what they are, shown whole, ended from outside, and counted for Prometheus."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

FLOWS = """
import time
from datetime import timedelta
from pathlib import Path
from strongroom import flow, tags, task
from strongroom.artifacts import create_markdown_artifact
from strongroom.cache_policies import INPUTS
from strongroom.flow_runs import suspend_flow_run
from strongroom.input import RunInput
from strongroom.states import Failed

@task(cache_policy=INPUTS, persist_result=True)
def double(n):
    return 2 * n

@task(retries=1)
def unsure(seen=[]):
    seen.append(1)
    if len(seen) == 1:
        raise ValueError("not yet")

@flow
def cached(n: int = 1):
    double(n)
    return double(n)

@flow(retries=0)
def tagged():
    with tags("eu", "daily"):
        subflow()

@flow
def subflow():
    create_markdown_artifact("# hello", key="greeting")
    unsure()

@flow(timeout_seconds=0.05)
def slow():
    while True:
        time.sleep(0.01)

class Approval(RunInput):
    approved: bool
    reason: str = ""

@flow
def asking():
    suspend_flow_run(wait_for_input=Approval.with_initial_data(description="May it go on?"), timeout=None)

@flow
def endless(folder: str):
    try:
        (Path(folder) / "up").touch()
        while True:
            time.sleep(0.01)
    finally:
        (Path(folder) / "cleaned").touch()
"""


@pytest.fixture
def run(strongroom, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """``run("tagged")``: the run's id."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "seen_flows.py").write_text(FLOWS)

    def start(flow: str, *options: str, code: int = 0) -> str:
        done = strongroom("run", f"seen_flows.py:{flow}", *options, "--json", code=code)
        return str(json.loads(done.stdout)["id"])

    return start


def ls(strongroom: Any, *options: str) -> list[str]:
    return [found["flow"] for found in json.loads(strongroom("runs", "ls", "--json", *options).stdout)]


def test_runs_are_found_by_what_they_are(strongroom, run):
    run("cached")
    run("slow", code=1)
    run("tagged")
    assert ls(strongroom) == ["tagged", "slow", "cached"]
    assert ls(strongroom, "--state", "timedout") == ["slow"]
    assert ls(strongroom, "--state", "failed") == ["slow"]
    assert ls(strongroom, "--state", "timedout", "--state", "completed") == ["tagged", "slow", "cached"]
    assert ls(strongroom, "--subflows", "--tag", "eu", "--tag", "daily") == ["subflow"]
    assert ls(strongroom, "--deployment", "nightly/prod") == []
    assert ls(strongroom, "--since", "1h") == ["tagged", "slow", "cached"]
    assert ls(strongroom, "--since", "2099-01-01") == []
    assert ls(strongroom, "--until", "2020-01-01T10:00") == []
    assert ls(strongroom, "--limit", "1", "--offset", "1") == ["slow"]
    name = json.loads(strongroom("runs", "ls", "--json", "--flow", "slow").stdout)[0]["name"]
    assert ls(strongroom, "--name", name[1:]) == ["slow"]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--state", "compleated"], "awaitingretry"),
        (["--since", "yesterday"], "2h for so long ago"),
        (["--limit", "0"], "limit"),
    ],
)
def test_a_question_that_makes_no_sense_is_no_answer(strongroom, options, told):
    assert told in strongroom("runs", "ls", *options, code=2).stderr


def test_a_run_shows_why_a_result_was_cached_and_how_often_it_tried(strongroom, run):
    shown = strongroom("runs", "show", run("cached")).stdout
    first, second = [line for line in shown.splitlines() if re.search(r"✓ double-\d", line)]
    assert "Completed" in first
    assert "Cached" in second
    tree = json.loads(strongroom("runs", "show", run("cached"), "--json").stdout)["tree"]
    assert all(child["explanation"] for child in tree["children"])
    lines = shown.splitlines()
    assert "he same inputs as run double-0" in lines[lines.index(second) + 1]
    assert shown.count("he same inputs as run double-0") == 1
    shown = strongroom("runs", "show", run("tagged")).stdout
    assert re.search(r"unsure-0 +Completed .* 2 attempts", shown)


def test_a_run_shows_the_artifacts_that_it_made(strongroom, run):
    run("tagged")
    [sub] = json.loads(strongroom("runs", "ls", "--json", "--flow", "subflow", "--subflows").stdout)
    assert re.search(r"Artifacts +greeting \(markdown\)", strongroom("runs", "show", sub["id"]).stdout)
    [artifact] = json.loads(strongroom("runs", "show", sub["id"], "--json").stdout)["artifacts"]
    assert (artifact["key"], artifact["type"]) == ("greeting", "markdown")
    assert "Tags" in strongroom("runs", "show", sub["id"]).stdout


def test_a_run_that_waits_says_for_what(strongroom, run):
    run("asking")
    [waiting] = json.loads(strongroom("runs", "ls", "--json", "--state", "suspended").stdout)
    done = strongroom("runs", "show", waiting["id"])
    assert re.search(r"Waits +for approved, reason \(optional\)", done.stdout)
    assert "May it go on?" in done.stdout
    assert f"strongroom runs resume {waiting['id'][:8]} --input approved=… --input reason=…" in done.stderr
    wanted = json.loads(strongroom("runs", "show", waiting["id"], "--json").stdout)["waits_for"]
    assert set(wanted["schema"]["properties"]) == {"approved", "reason"}
    assert "is cancelled" in strongroom("runs", "cancel", waiting["id"]).stdout
    assert ls(strongroom, "--state", "cancelled") == ["asking"]


def test_a_running_flow_is_cancelled_and_cleans_up(strongroom, run, tmp_path):
    command = [sys.executable, "-m", "strongroom", "run", "seen_flows.py:endless", "-p", f"folder={tmp_path}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as running:
        while not (tmp_path / "up").exists():
            assert running.poll() is None, running.communicate()
        [found] = json.loads(strongroom("runs", "ls", "--json", "--state", "running").stdout)
        [asked] = json.loads(strongroom("runs", "cancel", found["id"], "--json").stdout)
        assert (asked["id"], asked["asked"]) == (found["id"], "Cancelling")
        try:
            running.communicate(timeout=60)
        finally:
            running.send_signal(signal.SIGKILL)
    assert (tmp_path / "cleaned").exists()
    assert ls(strongroom, "--state", "cancelled") == ["endless"]
    assert "nothing to cancel" in strongroom("runs", "cancel", found["id"], code=1).stderr


def test_prometheus_reads_counts_and_durations(strongroom, run, tmp_path):
    assert strongroom("runs", "metrics").stdout == ""
    run("cached")
    run("slow", code=1)
    text = strongroom("runs", "metrics").stdout
    lines = text.splitlines()
    assert 'strongroom_flow_runs{flow="cached",state="Completed"} 1' in lines
    assert 'strongroom_flow_runs{flow="slow",state="TimedOut"} 1' in lines
    assert 'strongroom_task_runs{task="double",state="Cached"} 1' in lines
    assert 'strongroom_flow_run_duration_seconds_bucket{flow="slow",state="TimedOut",le="0.01"} 0' in lines
    assert 'strongroom_flow_run_duration_seconds_bucket{flow="slow",state="TimedOut",le="+Inf"} 1' in lines
    assert 'strongroom_flow_run_duration_seconds_count{flow="slow",state="TimedOut"} 1' in lines
    sample = re.compile(r'[a-z_]+\{[a-z]+="[^"]*",state="[^"]*"(,le="[^"]*")?\} [0-9.e+-]+')
    assert all(line.startswith("# ") or sample.fullmatch(line) for line in lines)
    heads = [line.split()[2] for line in lines if line.startswith("# TYPE")]
    assert len(heads) == len(set(heads)) == 6
    told = {row["name"]: row for row in json.loads(strongroom("runs", "metrics", "--json").stdout)}
    assert (told["slow"]["kind"], told["slow"]["runs"], told["slow"]["within"]["0.01"]) == ("flow", 1, 0)
    target = tmp_path / "strongroom.prom"
    assert strongroom("runs", "metrics", "--file", str(target)).stdout == ""
    assert target.read_text() == text
    assert strongroom("runs", "metrics", "--since", "2099-01-01").stdout == ""


def test_the_last_run_needs_no_id(strongroom, run):
    assert "No flow has run yet" in strongroom("runs", "show", "last", code=3).stderr
    run("slow", code=1)
    newest = run("tagged")
    assert json.loads(strongroom("runs", "show", "last", "--json").stdout)["id"] == newest
    assert json.loads(strongroom("runs", "graph", "last", "--json").stdout)["name"] == "tagged"
    strongroom("runs", "rm", "last", "--yes")
    assert ls(strongroom) == ["slow"]


def test_a_run_that_is_to_come_says_when(strongroom):
    from uuid import uuid4

    from strongroom.journal import FlowRun, current_journal
    from strongroom.states import Scheduled

    due = datetime(2099, 1, 2, 3, 4, 5, tzinfo=UTC)
    run = FlowRun(uuid4(), "brave-otter", "nightly", Scheduled(), expected_start=due, deployment="nightly/prod")
    current_journal().save_flow_run(run)
    assert (
        f"due {due.astimezone():%Y-%m-%d %H:%M:%S}" in strongroom("runs", "ls", "--deployment", "nightly/prod").stdout
    )
    shown = strongroom("runs", "show", "last").stdout
    assert re.search(r"Deployment +nightly/prod\n", shown)
    assert re.search(r"Expected +2099-01-0", shown)


def test_names_are_escaped_for_prometheus():
    from strongroom.journal.tally import BOUNDS, Tally
    from strongroom.telemetry.prometheus import _labels

    tally = Tally("flow", 'a "b"\\c\nd', "Completed", 1, 0, 0.0, (0,) * len(BOUNDS), None)
    assert _labels(tally) == '{flow="a \\"b\\"\\\\c\\nd",state="Completed"}'


def test_runs_are_removed_by_id_or_by_what_they_are(strongroom, run):
    first = run("tagged")
    run("slow", code=1)
    run("cached")
    done = strongroom("runs", "rm", first, "--yes")
    assert done.stdout == "Removed 1 run, with 1 run of subflows.\n"
    assert "No run has the id" in strongroom("runs", "rm", first, "--yes", code=3).stderr
    gone = json.loads(strongroom("runs", "delete", "--state", "timedout", "--yes", "--json").stdout)
    assert len(gone) == 1
    assert ls(strongroom, "--subflows") == ["cached"]
    assert strongroom("runs", "rm", "--until", "2020-01-01", "--yes").stdout == "Removed 0 runs.\n"
    assert "Add --yes" in strongroom("runs", "rm", "--flow", "cached", code=2).stderr
    assert "Which runs?" in strongroom("runs", "rm", code=2).stderr
    assert "Which runs?" in strongroom("runs", "rm", first, "--flow", "cached", code=2).stderr
    assert ls(strongroom) == ["cached"]
