"""Type checkers know what users write."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from absent import absent
from mypy import api

HERE = Path(__file__).parent
CHECKED = sorted(path for path in HERE.glob("*.py") if not path.name.startswith("test_"))


def test_mypy_knows_the_types_that_users_see() -> None:
    shown, problems, status = api.run(["--strict", "--warn-unused-ignores", *map(str, CHECKED)])
    assert status == 0, shown + problems


@pytest.mark.slow
def test_pyright_knows_the_types_that_users_see(tmp_path: Path) -> None:
    roots = [str(path) for path in map(Path, sys.path) if path.name in ("registry", "blocks", "runtime", "collections")]
    settings = {"include": [str(path) for path in CHECKED], "extraPaths": roots, "typeCheckingMode": "standard"}
    (tmp_path / "pyrightconfig.json").write_text(json.dumps(settings))
    pyright = [sys.executable, "-m", "pyright"]
    if subprocess.run([*pyright, "--version"], capture_output=True, check=False).returncode:
        absent("pyright cannot start here: it needs Node.js, which it looks for or downloads")
    command = [*pyright, "--project", str(tmp_path), "--pythonpath", sys.executable]
    shown = subprocess.run(command, capture_output=True, text=True, check=False)
    assert shown.returncode == 0, shown.stdout + shown.stderr
