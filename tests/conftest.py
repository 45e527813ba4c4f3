"""What every test stands on: a home of its own, no settings from outside, and the search for planted secrets."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

pytest_plugins = ["canaries", "servers.rclone", "servers.aws"]


@pytest.fixture(autouse=True)
def strongroom_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Strongroom of its own for each test: data in ``home``, keys elsewhere."""
    for name in [name for name in os.environ if name.startswith(("STRONGROOM_", "AWS_", "DBT_"))]:
        monkeypatch.delenv(name)
    home = tmp_path / "home"
    monkeypatch.setenv("STRONGROOM_HOME", str(home))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return home
