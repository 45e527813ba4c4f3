"""backup, backup verify and restore, as who keeps backups meets them."""

from __future__ import annotations

import json
import os
import shutil
import stat

import pytest


@pytest.fixture
def file(tmp_path):
    return tmp_path / "registry.backup"


@pytest.fixture
def backup(strongroom, crm, file):
    """A backup of a registry with one block."""
    strongroom("backup", str(file))
    return file


def test_a_backup_is_made_and_says_what_it_needs(strongroom, crm, file):
    result = strongroom("backup", str(file))
    assert result.stdout.startswith(f"Wrote {file} (")
    assert "default: 1 block, 1 version, 2 audit entries, change 2. It opens with the key " in result.stdout
    assert f"strongroom backup verify {file}" in result.stdout
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_the_short_and_the_long_form_are_one_command(strongroom, crm, file):
    short = json.loads(strongroom("backup", "--json", str(file)).stdout)
    other = file.with_name("other.backup")
    long = json.loads(strongroom("backup", "make", str(other), "--json").stdout)
    assert {**short, "file": "", "made": ""} == {**long, "file": "", "made": ""}
    assert short["workspaces"][0]["keys"][0]["epoch"] == 1


def test_no_backup_replaces_a_file(strongroom, backup):
    before = backup.read_bytes()
    assert str(backup) in strongroom("backup", str(backup), code=4).stderr
    assert backup.read_bytes() == before


def test_where_there_is_no_registry_there_is_nothing_to_back_up(strongroom, strongroom_home, file):
    assert "strongroom init" in strongroom("backup", str(file), code=7).stderr
    assert not strongroom_home.exists()
    assert not file.exists()


def test_a_backup_without_a_file_is_told(strongroom):
    assert "FILE" in strongroom("backup", "make", code=2).stderr


def test_verifying_opens_everything_apart_from_the_registry(strongroom, strongroom_home, backup):
    shutil.rmtree(strongroom_home)
    result = strongroom("backup", "verify", str(backup))
    assert "default: all opens: 1 block, 1 version, 2 audit entries, change 2." in result.stdout
    found = json.loads(strongroom("backup", "verify", str(backup), "--json").stdout)
    assert found["ok"] is True
    assert found["workspaces"][0]["problems"] == []
    assert not strongroom_home.exists()


def test_a_key_that_is_missing_is_named_with_exit_code_5(strongroom, tmp_path, backup):
    fingerprint = json.loads(strongroom("backup", "verify", str(backup), "--json").stdout)["workspaces"][0]["keys"][0][
        "fingerprint"
    ]
    key = next((tmp_path / "config" / "strongroom" / "keys").glob("*.key"))
    safe = key.rename(tmp_path / "safe.key")
    result = strongroom("backup", "verify", str(backup), code=5)
    assert fingerprint in result.stderr
    assert "not opened" in result.stdout
    strongroom("backup", "verify", str(backup), "--key", f"file:{safe}")


def test_a_backup_that_is_cut_short_is_told_and_not_restored(strongroom, tmp_path, backup):
    os.truncate(backup, backup.stat().st_size - 1)
    url = f"sqlite:///{tmp_path / 'new' / 'registry.db'}"
    for args in (["backup", "verify", str(backup)], ["restore", str(backup), "--to", url]):
        assert "cut short" in strongroom(*args, code=6).stderr
    assert not (tmp_path / "new").exists()


def test_what_is_not_as_it_was_left_is_listed_with_exit_code_6(strongroom, backup):
    from strongroom_registry.backup_file import BackupReader, BackupWriter
    from strongroom_registry.stores.store import VersionRow

    with BackupReader(backup) as reader:
        header, rows = reader.header, list(reader.rows())
    with backup.open("wb") as opened:
        writer = BackupWriter(opened, header)
        for row in rows:
            writer.put(row._replace(public=b"{}") if isinstance(row, VersionRow) else row)
        writer.finish()
    result = strongroom("backup", "verify", str(backup), code=6)
    assert "PublicFieldsTampered" in result.stdout
    assert "prod-crm" in result.stdout
    found = json.loads(strongroom("backup", "verify", str(backup), "--json", code=6).stdout)
    assert found["workspaces"][0]["problems"][0]["error"] == "PublicFieldsTampered"


def test_what_a_forged_backup_says_does_not_reach_the_terminal_as_it_is(strongroom, tmp_path, backup):
    from dataclasses import replace

    from strongroom_registry.backup_file import BackupReader, BackupWriter
    from strongroom_registry.keyring import WrappedKey
    from strongroom_registry.stores.store import HeadRow, WorkspaceRow

    with BackupReader(backup) as reader:
        header, rows = reader.header._replace(made_by="1\x1b]0;owned\x07"), list(reader.rows())
    with backup.open("wb") as opened:
        writer = BackupWriter(opened, header)
        for row in rows:
            if isinstance(row, WrappedKey):
                row = replace(row, provider="file:\x1b[2J")
            elif isinstance(row, WorkspaceRow | HeadRow):
                row = row._replace(name="\x1b[31mred")
            writer.put(row)
        writer.finish()
    url = f"sqlite:///{tmp_path / 'new' / 'registry.db'}"
    for args, code in (
        (["backup", "verify", str(backup)], 6),
        (["restore", str(backup), "--to", url], 6),
        (["restore", str(backup), "--to", url, "--without-key"], 0),
    ):
        result = strongroom(*args, code=code)
        assert "\x1b" not in result.stdout + result.stderr
    assert "\\x1b[31mred: 1 block" in result.stdout


def test_a_restored_registry_reveals_what_the_first_one_did(strongroom, strongroom_home, crm, backup):
    shutil.rmtree(strongroom_home)
    result = strongroom("restore", str(backup))
    assert result.stdout.startswith(f"Restored what {backup} holds of ")
    assert strongroom("block", "reveal", "prod-crm", "token", reveals=True).stdout.strip() == crm
    strongroom("verify")


def test_a_registry_is_never_restored_over(strongroom, strongroom_home, backup):
    before = (strongroom_home / "registry.db").read_bytes()
    assert "already" in strongroom("restore", str(backup), code=7).stderr
    assert (strongroom_home / "registry.db").read_bytes() == before


def test_restoring_without_the_key(strongroom, strongroom_home, tmp_path, backup):
    shutil.rmtree(strongroom_home)
    keys = tmp_path / "config" / "strongroom" / "keys"
    away = keys.rename(tmp_path / "away")
    assert "--key" in strongroom("restore", str(backup), code=5).stderr
    assert not strongroom_home.exists()
    for also in (["--reset-anchor"], ["--key", "env:X"]):
        strongroom("restore", str(backup), "--without-key", *also, code=2)
    assert "Nothing of it was opened" in strongroom("restore", str(backup), "--without-key").stdout
    away.rename(keys)
    strongroom("verify")


def test_an_old_backup_under_an_anchor_has_to_be_meant(strongroom, strongroom_home, tmp_path, crm, file, monkeypatch):
    monkeypatch.setenv("STRONGROOM_ANCHOR", f"file:{tmp_path / 'anchors'}")
    strongroom("anchor", "write")
    strongroom("backup", str(file))
    strongroom("block", "set", "prod-crm", "--set", "page_size=7")
    shutil.rmtree(strongroom_home)
    assert "its anchor is at change" in strongroom("backup", "verify", str(file)).stdout
    assert "--reset-anchor" in strongroom("restore", str(file), code=6).stderr
    assert not strongroom_home.exists()
    strongroom("restore", str(file), "--reset-anchor")
    strongroom("block", "reveal", "prod-crm", "token", reveals=True)
    strongroom("verify")
