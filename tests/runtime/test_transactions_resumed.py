"""A flow that ends inside a transaction goes on, and undoes what it had done before where the rest fails."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from strongroom.journal import current_journal

SCRIPT = """
import os, signal
from pathlib import Path
from strongroom import flow, suspend_flow_run, task
from strongroom.journal import current_journal
from strongroom.transactions import transaction

HERE = Path(__file__).parent

def say(what):
    with (HERE / "said.txt").open("a") as file:
        file.write(what + "\\n")

@task
def write():
    say("write")
    return "file"

@write.on_rollback
def remove(txn):
    say("undo write")

@write.on_commit
def keep(txn):
    say("commit write")

@task
def check():
    if os.environ.get("END") == "kill":
        current_journal().flush()
        os.kill(os.getpid(), signal.SIGKILL)
    if os.environ.get("FAIL"):
        raise ValueError("not good")

@flow
def job():
    with transaction():
        write()
        if os.environ.get("END") == "suspend":
            suspend_flow_run()
        check()

if __name__ == "__main__":
    job()
"""


@pytest.mark.parametrize(("end", "fails"), [("kill", True), ("kill", False), ("suspend", True)])
def test_what_was_done_before_shares_the_end(
    end: str, fails: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "job.py"
    script.write_text(textwrap.dedent(SCRIPT))
    ended = subprocess.run([sys.executable, script], env={**os.environ, "END": end}, check=False)
    assert ended.returncode == (-signal.SIGKILL if end == "kill" else 0)
    [run] = current_journal().flow_runs()
    if fails:
        monkeypatch.setenv("FAIL", "1")
    command = [sys.executable, "-m", "strongroom", "runs", "resume", str(run.id)]
    resumed = subprocess.run(command, env=os.environ, check=False)
    assert (resumed.returncode == 0) is not fails
    said = (tmp_path / "said.txt").read_text().split("\n")[:-1]
    assert said == ["write", "undo write" if fails else "commit write"]
