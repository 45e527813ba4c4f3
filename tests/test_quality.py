"""What the linters and the type checker say of the sources."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
pytestmark = pytest.mark.skipif(not (ROOT / "registry").is_dir(), reason="the sources are out of the way")


@pytest.mark.parametrize(
    "command",
    [
        ["ruff", "check", "--no-cache", "--quiet", "."],
        ["ruff", "format", "--no-cache", "--check", "--quiet", "."],
        ["mypy"],
    ],
    ids=["lint", "format", "types"],
)
def test_nothing_is_found(command: list[str]) -> None:
    done = subprocess.run([sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
