"""Runs the test suite against the built wheel, with the sources out of the way.

``uv run python tests/packaging/on_the_wheel.py [pytest arguments]``: builds the wheel, installs it with the test
dependencies into a fresh environment in a temporary folder, copies only the tests, the docs and the README there, and
runs pytest in that folder. What the wheel forgot to take along is missing then, as it would be for a user.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TAKEN = ["tests", "docs", "deploy", "README.md", "pyproject.toml"]


def run(*command: str, cwd: Path) -> None:
    """Run a command, shown first; the script ends with its code if it fails."""
    print("$", *command, flush=True)
    environment = {
        k: v for k, v in os.environ.items() if k not in {"VIRTUAL_ENV", "PYTHONPATH", "UV_PROJECT_ENVIRONMENT"}
    }
    code = subprocess.run(command, cwd=cwd, env=environment, check=False).returncode
    if code:
        sys.exit(code)


def without_the_sources(text: str) -> str:
    """The project's ``pyproject.toml`` reduced to what pytest reads; what describes the sources goes."""
    start = text.index("[tool.pytest.ini_options]")
    end = text.index("\n[tool.", start)
    return text[start:end] + "\n"


def main(arguments: list[str]) -> None:
    """Build, install elsewhere, run."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    dev = [line for line in project["dependency-groups"]["dev"] if not line.startswith("strongroom")]
    uv = project["tool"]["uv"]
    with tempfile.TemporaryDirectory(prefix="strongroom-wheel-") as folder:
        place = Path(folder)
        run("uv", "build", "--wheel", "--out-dir", str(place / "dist"), cwd=ROOT)
        (wheel,) = (place / "dist").glob("*.whl")
        (place / "overrides.txt").write_text("\n".join(uv["override-dependencies"]))
        (place / "constraints.txt").write_text("\n".join(uv["constraint-dependencies"]))
        run("uv", "venv", "-q", "--python", sys.executable, str(place / "venv"), cwd=place)
        python = str(place / "venv" / "bin" / "python")
        install = ["uv", "pip", "install", "-q", "--python", python]
        install += ["--override", "overrides.txt", "--constraint", "constraints.txt"]
        run(*install, f"strongroom[all] @ {wheel.as_uri()}", *dev, cwd=place)
        clone = place / "clone"
        clone.mkdir()
        for name in TAKEN:
            source = ROOT / name
            (shutil.copytree if source.is_dir() else shutil.copy2)(source, clone / name)
        (clone / "pyproject.toml").write_text(without_the_sources((ROOT / "pyproject.toml").read_text()))
        os.environ.setdefault("STRONGROOM_SHARED_DATA", str(ROOT.parent / "shared" / "data"))
        run(python, "-m", "pytest", *arguments, cwd=clone)


if __name__ == "__main__":
    main(sys.argv[1:])
