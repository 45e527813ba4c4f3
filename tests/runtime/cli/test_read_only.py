"""A home that nobody may write to, seen by processes to whom that applies."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from absent import absent

UNPRIVILEGED = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]  # root writes anywhere otherwise
FLOW = """
import sys
from strongroom import flow, task

@task
def add(a: int, b: int) -> int:
    return a + b

@flow
def total() -> int:
    return sum(add.map([1, 2], 3).result())

print(total())
"""


def run(*command: str) -> subprocess.CompletedProcess[str]:
    prefix = UNPRIVILEGED if os.getuid() == 0 else []
    return subprocess.run([*prefix, *command], capture_output=True, text=True, check=False)


def strongroom(*arguments: str) -> subprocess.CompletedProcess[str]:
    return run(sys.executable, "-m", "strongroom", *arguments)


@pytest.fixture
def frozen_home(strongroom_home: Path) -> Iterator[Path]:
    """A home with a saved block, without a write permission on anything in it."""
    if os.getuid() == 0 and shutil.which("setpriv") is None:
        absent("root writes anywhere, and setpriv, which would take that right away, is not here")
    made = strongroom("block", "new", "json", "limits", "--set", 'value={"rows": 7}')
    assert made.returncode == 0, made.stderr
    paths = [strongroom_home, *strongroom_home.rglob("*")]
    modes = {path: path.stat().st_mode for path in paths}
    for path, mode in modes.items():
        path.chmod(mode & ~0o222)
    yield strongroom_home
    for path, mode in modes.items():
        if path.exists():
            path.chmod(mode)


def test_a_home_that_cannot_be_made_is_named(monkeypatch: pytest.MonkeyPatch, frozen_home: Path) -> None:
    monkeypatch.setenv("STRONGROOM_HOME", str(frozen_home / "below"))
    done = strongroom("init")
    assert done.returncode == 7
    assert str(frozen_home / "below") in done.stderr


def test_a_read_only_registry_is_listed_but_changes_nothing_and_reveals_nothing(frozen_home: Path) -> None:
    before = (frozen_home / "registry.db").read_bytes()
    listed = strongroom("block", "ls")
    assert (listed.returncode, "limits" in listed.stdout) == (0, True)
    for refused in (["block", "reveal", "limits"], ["block", "set", "limits", "--set", "value=1"]):
        done = strongroom(*refused)
        assert done.returncode == 7, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        assert done.stdout == ""
    assert (frozen_home / "registry.db").read_bytes() == before


def test_a_flow_whose_history_cannot_be_written_says_so_once_and_does_its_work(frozen_home: Path) -> None:
    done = run(sys.executable, "-c", FLOW)
    assert (done.returncode, done.stdout) == (0, "9\n"), done.stderr
    assert done.stderr.count("their history is not written") == 1, done.stderr
