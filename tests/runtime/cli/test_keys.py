"""``strongroom keys``: who opens the registry, and new keys while it is used."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from canaries import Plant
from strongroom import Secret
from strongroom_registry.keys.recovery import VARIABLE
from strongroom_registry.settings import RegistrySettings

from .conftest import Run


@pytest.fixture(autouse=True)
def _saved(strongroom: Run, canary: Plant) -> None:
    strongroom("init")
    Secret(value=canary("token")).save("token")


def told(strongroom: Run, *args: str, code: int = 0) -> Any:
    return json.loads(strongroom(*args, "--json", code=code, reveals=True).stdout)


def test_ls_shows_who_wraps_each_epoch(strongroom: Run) -> None:
    strongroom("keys", "rotate")
    rows = told(strongroom, "keys", "ls")
    assert [(row["epoch"], row["state"]) for row in rows] == [(2, "current"), (1, "retired")]
    assert "Wrapped by".upper() in strongroom("keys", "ls").stdout


@pytest.mark.parametrize("level", ["workspace", "data", "provider"])
def test_rotate_says_what_it_did_and_blocks_load_as_before(strongroom: Run, level: str) -> None:
    said = strongroom("keys", "rotate", "--level", level).stdout
    expected = {
        "workspace": "Key epoch 2: 1 version under the new key.",
        "data": "1 payload encrypted anew",
        "provider": "The former key lies in",
    }
    assert expected[level] in said
    assert Secret.load("token").get()
    assert told(strongroom, "verify")["ok"]


def test_rotate_takes_an_age_in_days_and_weeks(strongroom: Run) -> None:
    assert told(strongroom, "keys", "rotate", "--level", "data", "--older-than", "1w2d")["resealed"] == 0
    assert told(strongroom, "keys", "rotate", "--level", "data", "--older-than", "0m")["resealed"] == 1


@pytest.mark.parametrize(
    "options", [["--to", "file:/x"], ["--older-than", "90d"], ["--level", "data", "--older-than", "soon"]]
)
def test_options_that_do_not_go_together_are_refused(strongroom: Run, options: list[str]) -> None:
    strongroom("keys", "rotate", *options, code=2)


def test_rotate_moves_to_another_provider_and_says_how_to_name_it(strongroom: Run, tmp_path: Path) -> None:
    key = f"file:{tmp_path / 'other.key'}"
    said = strongroom("keys", "rotate", "--level", "provider", "--to", key).stdout
    assert "Made a key" in said
    assert f"export STRONGROOM_KEY={key}" in said
    strongroom("block", "ls", code=5)


def test_rotate_says_which_rows_are_not_as_they_were_left(strongroom: Run) -> None:
    path = RegistrySettings().url.removeprefix("sqlite:///")
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE versions SET mac = x'00'")
    connection.close()
    failed = strongroom("keys", "rotate", code=6)
    assert "token@1" in failed.stderr
    assert "Finish it: strongroom keys rotate" in strongroom("keys", "check").stdout


def test_add_remove_and_check_tell_what_opens_the_registry(strongroom: Run, tmp_path: Path) -> None:
    key = tmp_path / "second.key"
    assert "Made a key" in strongroom("keys", "add", f"file:{key}").stdout
    assert [row["opens"] for row in told(strongroom, "keys", "check")["wraps"]] == [True, True]
    key.unlink()
    failed = strongroom("keys", "check", code=5)
    assert "There is no key at" in failed.stdout
    strongroom("keys", "remove", f"file:{key}", code=2)  # nobody confirms it
    assert "backups from before" in strongroom("keys", "remove", f"file:{key}", "--yes").stdout
    assert "which was removed" in strongroom("keys", "check").stdout


def test_the_last_key_cannot_be_removed(strongroom: Run) -> None:
    (row,) = told(strongroom, "keys", "ls")
    failed = strongroom("keys", "remove", row["provider"], "--yes", code=4)
    assert "keys add" in failed.stderr


def test_a_recovery_kit_opens_the_registry_whose_key_is_lost(
    strongroom: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "Code" in strongroom("keys", "recovery-kit", reveals=True).stdout
    code = told(strongroom, "keys", "recovery-kit")["code"]
    (row,) = [row for row in told(strongroom, "keys", "ls") if row["provider"] != "recovery:"]
    Path(row["provider"].removeprefix("file:")).unlink()
    strongroom("block", "ls", code=5)
    monkeypatch.setenv(VARIABLE, code)
    monkeypatch.setenv("STRONGROOM_KEY", "recovery:")
    assert "token" in strongroom("block", "ls").stdout
    strongroom("keys", "rotate", "--level", "provider", "--to", f"file:{tmp_path / 'new.key'}")
    monkeypatch.setenv("STRONGROOM_KEY", f"file:{tmp_path / 'new.key'}")
    assert "token" in strongroom("block", "ls").stdout
