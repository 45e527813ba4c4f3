"""The units for systemd: accepted by it, and hardened."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from absent import absent

FOLDER = Path(__file__).parents[2] / "deploy/systemd"


@pytest.fixture(scope="module")
def analyze() -> str:
    found = shutil.which("systemd-analyze")
    if found is None:
        absent("There is no systemd-analyze: install the package `systemd`.")
    return found


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """The units, with a program that is there in the place of the one that is not."""
    for file in FOLDER.iterdir():
        text = file.read_text().replace("/opt/strongroom/bin/strongroom", "/bin/true")
        (tmp_path / file.name).write_text(re.sub("^Documentation=.*\n", "", text, flags=re.MULTILINE))
    return tmp_path


def test_systemd_understands_every_line(analyze: str, units: Path) -> None:
    for name in ("strongroom.service", "strongroom.socket"):
        done = subprocess.run([analyze, "verify", "--man=no", str(units / name)], capture_output=True, text=True)
        assert "strongroom" not in done.stderr, done.stderr
    broken = units / "broken.service"
    broken.write_text((units / "strongroom.service").read_text().replace("UMask=0077", "Umusk=0077"))
    done = subprocess.run([analyze, "verify", "--man=no", str(broken)], capture_output=True, text=True)
    assert "Umusk" in done.stderr


def test_systemd_calls_the_service_safe(analyze: str, units: Path) -> None:
    """Its own measure of exposure, of 10 at most."""
    command = [analyze, "security", "--offline=true", "--no-pager", str(units / "strongroom.service")]
    done = subprocess.run(command, capture_output=True, text=True)
    found = re.search(r"exposure level for strongroom\.service: ([0-9.]+)", done.stdout)
    if found is None:
        absent(f"This systemd-analyze cannot measure a file: {done.stderr.strip()}")
    assert float(found[1]) < 2.5


def test_the_stop_may_take_as_long_as_the_server_wants() -> None:
    text = (FOLDER / "strongroom.service").read_text()
    stop, grace = (int(re.search(rf"{name}=(\d+)", text)[1]) for name in ("TimeoutStopSec", "SERVER_GRACE"))  # type: ignore[index]
    assert grace < stop
