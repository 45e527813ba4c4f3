"""Flows run where nothing can be written: they say so, and do their work."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

SCRIPT = """
    from strongroom import flow, task

    @task(persist_result=True)
    def persisted():
        return [1, 2]

    @task
    def large():
        return b"x" * 100_000

    @flow
    def part(n):
        return n

    @flow(log_prints=True)
    def main():
        print("working")
        return len(persisted()) + len(large.submit().result()) + part(3)

    print("result", main())
"""


def run(home: Path, *before: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "STRONGROOM_HOME": str(home)}
    code = "\n".join([*before, textwrap.dedent(SCRIPT)])
    return subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)


def test_a_home_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file where the folder should be")
    ended = run(tmp_path / "home")
    assert ended.stdout == "result 100005\n", ended.stderr
    assert ended.stderr.count("their history is not written") == 1
    assert ended.stderr.count("Runs cannot be resumed") == 1
    assert ended.stderr.count("The result was not persisted") == 1
    assert "Traceback" not in ended.stderr


def test_a_journal_that_is_another_programs_file(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "runs.db").write_text("Dear Sir or Madam,")
    ended = run(home)
    assert ended.stdout == "result 100005\n", ended.stderr
    assert ended.stderr.count("their history is not written") == 1
    assert "Move the file away" in ended.stderr
    assert (home / "runs.db").read_text() == "Dear Sir or Madam,"


@pytest.mark.parametrize("bytes_left", [0, 4096, 60_000])
def test_a_disk_that_is_full(tmp_path: Path, bytes_left: int) -> None:
    limit = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({bytes_left}, {bytes_left}))"
    ended = run(tmp_path / "home", limit)
    assert ended.stdout == "result 100005\n", ended.stderr
    assert "Traceback" not in ended.stderr
