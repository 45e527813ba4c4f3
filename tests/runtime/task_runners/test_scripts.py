"""Scripts with task runners of processes: without a guard, interrupted, and killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from strongroom.testing.task_runner_contract import until

HEAD = """
import os, sys, time
from dataclasses import dataclass
from pathlib import Path
from strongroom import Block, flow, task
from strongroom.task_runners import DaskTaskRunner, ProcessPoolTaskRunner

here = Path(sys.argv[1])
"""

UNGUARDED = """
class Word(Block):
    text: str

@dataclass
class Row:
    n: int

    @property
    def twice(self):
        return 2 * self.n

@task
def grow(row: Row, word: Word) -> Row:
    return Row(row.twice + len(word.text))

@flow(task_runner=ProcessPoolTaskRunner(max_workers=1))
def job(row: Row):
    Word(text="abc").save("word")
    result = grow.submit(row, Word.load("word")).result()
    assert type(result) is Row
    return result.twice

print(job(Row(2)))
"""

ENDLESS = """
@task
def endless(name):
    (here / name).write_text(str(os.getpid()))
    try:
        while True:
            time.sleep(0.01)
    finally:
        if name == "stubborn":
            time.sleep(600)
        (here / "cleaned").write_text("yes")

local = {"n_workers": 1, "dashboard_address": None}
runners = {"process": ProcessPoolTaskRunner(max_workers=2), "dask": DaskTaskRunner(cluster_kwargs=local)}

def job(names):
    endless.map(names).wait()

if __name__ == "__main__":
    flow(task_runner=runners[sys.argv[2]])(job)(sys.argv[3:])
"""


def begin(folder: Path, text: str, *arguments: str) -> subprocess.Popen[str]:
    script = folder / "script.py"
    script.write_text(HEAD + text)
    command = [sys.executable, str(script), str(folder), *arguments]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, start_new_session=True)


def gone(pid: int) -> None:
    """Wait until a process has ended; raises TimeoutError where it does not."""
    for _ in range(600):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
        if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
            return
        signal.sigtimedwait([], 0.05)
    raise TimeoutError(f"Process {pid} did not end.")


def test_a_script_needs_no_guard(tmp_path: Path) -> None:
    out, err = begin(tmp_path, UNGUARDED).communicate(timeout=60)
    assert out == "14\n", err


@pytest.mark.parametrize("runner", ["process", "dask"])
def test_ctrl_c_ends_the_tasks_and_leaves_no_process(tmp_path: Path, runner: str) -> None:
    script = begin(tmp_path, ENDLESS, runner, "polite")
    pid = int(until(tmp_path / "polite"))
    os.killpg(script.pid, signal.SIGINT)  # as a terminal does: every process that it can reach gets it
    _, err = script.communicate(timeout=60)
    assert script.returncode != 0
    assert "KeyboardInterrupt" in err
    assert (tmp_path / "cleaned").exists()
    gone(pid)


def test_a_second_interrupt_does_not_wait_for_the_tasks(tmp_path: Path) -> None:
    script = begin(tmp_path, ENDLESS, "process", "polite", "stubborn")
    pids = [int(until(tmp_path / name)) for name in ("polite", "stubborn")]
    script.send_signal(signal.SIGINT)
    until(tmp_path / "cleaned")
    script.send_signal(signal.SIGINT)
    script.communicate(timeout=60)
    assert script.returncode != 0
    for pid in pids:
        gone(pid)


def test_processes_end_when_the_flow_was_killed(tmp_path: Path) -> None:
    script = begin(tmp_path, ENDLESS, "process", "polite")
    pid = int(until(tmp_path / "polite"))
    script.kill()
    script.communicate(timeout=60)
    until(tmp_path / "cleaned")
    gone(pid)


def test_a_dask_script_without_a_guard_is_told_what_to_do(tmp_path: Path) -> None:
    text = """
@task
def one():
    return 1

@flow(task_runner=DaskTaskRunner(cluster_kwargs={"n_workers": 1, "dashboard_address": None}))
def job():
    return one.submit().result()

print(job())
"""
    out, err = begin(tmp_path, text).communicate(timeout=100)
    assert not out
    assert "The Dask cluster of this machine did not start" in err
    assert '__name__ == "__main__"' in err
