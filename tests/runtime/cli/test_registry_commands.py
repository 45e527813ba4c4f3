"""init, verify and audit, and a registry that is not as it should be."""

from __future__ import annotations

import json
import shutil
import sqlite3
import stat
from pathlib import Path

import pytest


def test_init_says_where_everything_lies_and_what_to_back_up(strongroom, strongroom_home, tmp_path):
    result = strongroom("init")
    key = next((tmp_path / "config" / "strongroom" / "keys").glob("*.key"))
    assert f"Registry   {strongroom_home}/registry.db" in result.stdout
    assert f"Key        {key}" in result.stdout
    assert "Back up both, apart from each other" in result.stdout
    assert result.stderr == ""
    assert stat.S_IMODE((strongroom_home / "registry.db").stat().st_mode) == 0o600


def test_init_twice_changes_nothing(strongroom, crm):
    result = strongroom("init", "--json")
    assert json.loads(result.stdout)["created"] is False
    strongroom("block", "show", "prod-crm")


def test_init_makes_the_key_file_that_it_is_told_of(strongroom, tmp_path, monkeypatch):
    key = tmp_path / "elsewhere" / "sr.key"
    result = strongroom("init", "--key", f"file:{key}")
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert f"export STRONGROOM_KEY=file:{key}" in result.stdout
    assert "STRONGROOM_KEY" in strongroom("block", "ls", code=5).stderr
    monkeypatch.setenv("STRONGROOM_KEY", f"file:{key}")
    strongroom("block", "ls")


@pytest.mark.parametrize(
    ("uri", "told"), [("nope:x", "nope"), ("x", "no URI"), ("env:NOT_SET_ANYWHERE", "NOT_SET_ANYWHERE")]
)
def test_init_with_a_key_that_is_none_leaves_nothing_behind(strongroom, strongroom_home, uri, told):
    assert told in strongroom("init", "--key", uri, code=5).stderr
    strongroom("init")


@pytest.mark.parametrize("args", [["block", "ls"], ["block", "show", "x"], ["labels"], ["verify"], ["audit", "ls"]])
def test_reading_creates_no_registry(strongroom, strongroom_home, args):
    assert "strongroom init" in strongroom(*args, code=7).stderr
    assert not strongroom_home.exists()


def test_verify_and_the_audit_of_a_healthy_registry(strongroom, crm):
    assert strongroom("verify").stdout == "All is as it was left: 1 block, 1 version.\n"
    assert json.loads(strongroom("verify", "--json").stdout) == {"ok": True, "blocks": 1, "versions": 1, "problems": []}
    assert strongroom("audit", "verify").stdout == "The audit is whole: 2 entries.\n"
    assert json.loads(strongroom("audit", "verify", "--json").stdout)["ok"] is True


def test_the_audit_lists_what_was_done_newest_first(strongroom, crm):
    strongroom("block", "label", "prod-crm", "stable")
    strongroom("block", "delete", "prod-crm")
    entries = json.loads(strongroom("audit", "ls", "--block", "prod-crm", "--json").stdout)
    assert [entry["action"] for entry in entries] == ["delete", "label", "put"]
    assert set(entries[0]) >= {
        "seq",
        "at",
        "actor",
        "action",
        "outcome",
        "name",
        "version",
        "label",
        "message",
        "count",
    }
    assert "stable" in strongroom("audit", "ls").stdout


def tables(path: Path) -> list[str]:
    with sqlite3.connect(path) as database:
        return [name for (name,) in database.execute("select name from sqlite_master where type = 'table'")]


def tamper(path: Path, word: str, column: str) -> None:
    """Flip a bit of the first row of the table whose name has ``word`` in it."""
    table = next(name for name in tables(path) if word in name)
    with sqlite3.connect(path) as database:
        (content,) = database.execute(f"select {column} from {table} limit 1").fetchone()
        database.execute(f"update {table} set {column} = ?", (content[:-1] + bytes([content[-1] ^ 1]),))
    database.close()


def test_a_version_that_was_changed_is_named_with_exit_code_6(strongroom, strongroom_home, crm):
    tamper(strongroom_home / "registry.db", "version", "body")
    result = strongroom("verify", code=6)
    assert "prod-crm" in result.stdout
    assert json.loads(strongroom("verify", "--json", code=6).stdout)["problems"][0]["version"] == 1
    assert "prod-crm" in strongroom("block", "reveal", "prod-crm", "token", code=6).stderr


def test_an_audit_entry_that_was_changed_is_named_with_exit_code_6(strongroom, strongroom_home, crm):
    tamper(strongroom_home / "registry.db", "audit", "mac")
    assert "broken at entry" in strongroom("audit", "verify", code=6).stderr
    assert "Audit entry" in strongroom("verify", code=6).stdout
    [problem] = json.loads(strongroom("verify", "--json", code=6).stdout)["problems"]
    assert (problem["name"], problem["error"]) == ("", "AuditChainBroken")
    assert json.loads(strongroom("audit", "verify", "--json", code=6).stdout)["ok"] is False


def test_a_foreign_file_is_left_as_it_is(strongroom, strongroom_home):
    strongroom_home.mkdir()
    with sqlite3.connect(strongroom_home / "registry.db") as database:
        database.execute("create table recipes (name text)")
    database.close()
    before = (strongroom_home / "registry.db").read_bytes()
    for args in (["block", "ls"], ["init"]):
        assert "registry.db" in strongroom(*args, code=7).stderr
    assert (strongroom_home / "registry.db").read_bytes() == before


def test_a_file_of_garbage_is_told(strongroom, strongroom_home):
    strongroom_home.mkdir()
    (strongroom_home / "registry.db").write_bytes(b"not a database at all" * 100)
    assert "registry.db" in strongroom("block", "ls", code=7).stderr


def test_a_wrong_key_is_refused_and_changes_nothing(strongroom, strongroom_home, tmp_path, monkeypatch, crm):
    from strongroom_registry.keys import generate_key_file

    other = generate_key_file(tmp_path / "other.key").path
    before = (strongroom_home / "registry.db").read_bytes()
    monkeypatch.setenv("STRONGROOM_KEY", f"file:{other}")
    for args in (["block", "ls"], ["init"], ["block", "delete", "prod-crm"], ["verify"]):
        assert strongroom(*args, code=5).stderr.startswith("Error: ")
    assert (strongroom_home / "registry.db").read_bytes() == before


def test_a_key_that_is_gone_is_named(strongroom, tmp_path, crm):
    shutil.rmtree(tmp_path / "config")
    assert "STRONGROOM_KEY" in strongroom("block", "ls", code=5).stderr
    assert "STRONGROOM_KEY" in strongroom("init", code=5).stderr


def test_a_key_that_others_may_read_is_refused(strongroom, tmp_path, crm):
    key = next((tmp_path / "config" / "strongroom" / "keys").glob("*.key"))
    key.chmod(0o644)
    assert "chmod" in strongroom("block", "ls", code=5).stderr


def test_a_home_that_cannot_be_made_is_told(strongroom, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("STRONGROOM_HOME", str(tmp_path / "file" / "home"))
    assert str(tmp_path / "file") in strongroom("init", code=7).stderr


def test_a_setting_that_does_not_fit_is_told_without_its_value(strongroom, monkeypatch, canary):
    monkeypatch.setenv("STRONGROOM_TASK_RUNNER_MAX_WORKERS", canary())
    assert "STRONGROOM_TASK_RUNNER_MAX_WORKERS" in strongroom("runs", "ls", code=1).stderr
