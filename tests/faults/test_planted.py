"""Row 5 in short, and that it would notice."""

from __future__ import annotations

import base64
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from faults import planted
from faults.figure import Work, broken


def test_no_secret_is_found_after_a_day(work: Work) -> None:
    assert broken(list(planted.run(work))) == []


def test_a_secret_in_a_file_is_found(work_in_memory: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    def leak(place: Any, home: Path, secrets: list[str]) -> subprocess.CompletedProcess[bytes]:
        home.mkdir()
        (home / "a file").write_text(" ".join(planted.FAMILIAR))
        (home / "another").write_bytes(base64.b64encode(b"--" + json.dumps(secrets).encode()))
        place.path.parent.mkdir()
        return subprocess.CompletedProcess([], 0, b"", b"")

    monkeypatch.setattr(planted, "_played", leak)
    figure = planted.planted(work_in_memory, "SQLite")
    assert 0 < figure.failed <= figure.tried
