"""What every test stands on: a home of its own, no settings from outside, and the search for planted secrets."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

_MEMORY = Path("/dev/shm")  # thousands of commits wait for the disk otherwise
if os.access(_MEMORY, os.W_OK) and shutil.disk_usage(_MEMORY).free > 4 << 30:
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(_MEMORY))

# Commands are found where the interpreter is, also when its environment was not activated.
os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"

pytest_plugins = [
    "canaries",
    "faults.short_form",
    "servers.rclone",
    "servers.aws",
    "servers.gcs",
    "servers.os_keyring",
    "servers.postgres",
    "servers.ledgers",
    "servers.service",
    "servers.snowflake",
    "servers.vault",
]

# No test is about how fast the machine is.
settings.register_profile("strongroom", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("strongroom")


@pytest.fixture(autouse=True)
def strongroom_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A Strongroom of its own for each test: data in ``home``, keys elsewhere."""
    for name in [name for name in os.environ if name.startswith(("STRONGROOM_", "AWS_", "DBT_", "PG"))]:
        monkeypatch.delenv(name)
    home = tmp_path / "home"
    monkeypatch.setenv("STRONGROOM_HOME", str(home))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    yield home
    _forget_what_was_opened()


def _forget_what_was_opened() -> None:
    """The next test reads its own settings, opens its own registry and run history, and has its own secrets."""
    for module, setter in (
        ("strongroom.journal.current", "set_current_journal"),
        ("strongroom_registry", "set_current"),
    ):
        if module in sys.modules:
            getattr(sys.modules[module], setter)(None)
    for module, closing in (
        ("strongroom.journal.current", "let_go_of_journals"),
        ("strongroom.ledger.current", "let_go_of_ledgers"),
    ):
        if module in sys.modules:
            getattr(sys.modules[module], closing)()
    if "strongroom_blocks.redaction" in sys.modules:
        sys.modules["strongroom_blocks.redaction"].redactor.forget()
    if "strongroom_blocks.sources.resolver" in sys.modules:
        sys.modules["strongroom_blocks.sources.resolver"].resolver.clear()
