"""``strongroom import``, ``export`` and ``apply``."""

from __future__ import annotations

import json
import os
import pty
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from canaries import Plant
from strongroom import Connection, Secret
from strongroom_registry.keys import generate_key_file

from .conftest import Process, Run

REFUSED, USAGE, NOT_FOUND, KEY, INTEGRITY = 4, 2, 3, 5, 6


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A folder where secrets may stand in clear."""
    folder = tmp_path.parent / f"{tmp_path.name}-outside"
    folder.mkdir()
    return folder


def test_airflow_is_taken_over_from_the_environment(
    strongroom: Run, monkeypatch: pytest.MonkeyPatch, canary: Plant
) -> None:
    strongroom("init")
    password = canary("password")
    monkeypatch.setenv("AIRFLOW_CONN_MY_DB", f"postgres://etl:{password}@db:5432/crm")
    monkeypatch.setenv("AIRFLOW_VAR_LIMIT", canary("limit"))
    monkeypatch.setenv("AIRFLOW_CONN_BAD", f"{canary('bad')}")
    dry = strongroom("import", "airflow", "--dry-run")
    assert "my_db" in dry.stdout
    assert "Nothing was written" in dry.stderr
    strongroom("block", "show", "my_db", code=NOT_FOUND)
    first = json.loads(strongroom("import", "airflow", "--json").stdout)
    assert [(row["name"], row["type"], row["action"], row["version"]) for row in first] == [
        ("my_db", "connection", "create", 1),
        ("limit", "secret", "create", 1),
        (None, None, "skip", None),
    ]
    again = json.loads(strongroom("import", "airflow", "--json").stdout)
    assert [row["action"] for row in again] == ["same", "same", "skip"]
    loaded = Connection.load("my_db")
    assert loaded.password is not None
    assert loaded.password.get_secret_value() == password
    assert Secret.history("limit")[0].message == "imported from airflow"


def test_a_conflict_is_told_and_left(strongroom: Run, outside: Path) -> None:
    strongroom("init")
    path = outside / ".env"
    path.write_text("TOKEN=one\nOTHER=x\n")
    strongroom("import", "dotenv", str(path), "--prefix", "app-")
    path.write_text("TOKEN=two\nOTHER=x\n")
    conflict = strongroom("import", "dotenv", str(path), "--prefix", "app-", code=REFUSED)
    assert "--overwrite" in conflict.stdout
    assert "1 in conflict, 1 the same." in conflict.stderr
    assert Secret.load("app-token").get() == "one"
    strongroom("import", "dotenv", str(path), "--prefix", "app-", "--overwrite", "-m", "rotated")
    assert [version.message for version in Secret.history("app-token")] == ["rotated", "imported from dotenv"]


def test_one_part_can_be_taken_and_all_in_one_secret(strongroom: Run, outside: Path) -> None:
    strongroom("init")
    (outside / ".env").write_text("A=1\nB=2\n")
    strongroom("import", "dotenv", str(outside / ".env"), "--only", "B*")
    assert [row["name"] for row in json.loads(strongroom("block", "ls", "--json").stdout)] == ["b"]
    strongroom("import", "dotenv", str(outside / ".env"), "--as", "app")
    assert Secret.load("app").get() == {"A": "1", "B": "2"}
    strongroom("import", "dotenv", str(outside / ".env"), "--only", "C*", code=NOT_FOUND)


def test_prefect_is_read_from_standard_input(strongroom: Run, canary: Plant) -> None:
    strongroom("init")
    token = canary("token")
    document = {"name": "slack", "block_type": {"slug": "secret"}, "data": {"value": token}}
    strongroom("import", "prefect", "-", input=json.dumps(document))
    assert Secret.load("slack").get() == token
    strongroom("import", "prefect", "-", input=json.dumps(document)[:-1], code=1)


def test_kinds_of_packages_are_listed_and_unknown_ones_are_told(strongroom: Run) -> None:
    assert "vault" in strongroom("import", "--help").stdout
    assert "[PLACE]..." in strongroom("import", "vault", "--help").stdout
    assert "vualt" in strongroom("import", "vualt", code=USAGE).stderr


def test_an_export_is_sealed_and_comes_back(
    strongroom: Run, crm: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, canary: Plant
) -> None:
    strongroom("block", "label", "prod-crm", "stable")
    monkeypatch.setenv("STRONGROOM_FILE_PASSPHRASE", canary("passphrase"))
    path = tmp_path / "all.export"
    assert "prod-crm" in strongroom("export", "--to", "passphrase", "-o", str(path)).stdout
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    strongroom("export", "--to", "passphrase", "-o", str(path), code=REFUSED)
    rows = json.loads(strongroom("import", "strongroom", str(path), "--prefix", "copy-", "--json").stdout)
    assert [(row["name"], row["action"]) for row in rows] == [("copy-prod-crm", "create")]
    assert crm in strongroom("block", "reveal", "copy-prod-crm", "token", reveals=True).stdout
    assert "stable" in strongroom("labels", "copy-prod-crm").stdout
    same = json.loads(strongroom("import", "strongroom", str(path), "--json").stdout)
    assert [row["action"] for row in same] == ["same"]
    monkeypatch.setenv("STRONGROOM_FILE_PASSPHRASE", canary("wrong"))
    strongroom("import", "strongroom", str(path), code=KEY)
    path.write_bytes(path.read_bytes()[:-1])
    monkeypatch.setenv("STRONGROOM_FILE_PASSPHRASE", "does not matter here")
    strongroom("import", "strongroom", str(path), code=KEY)


def test_a_key_has_to_be_named(strongroom: Run, crm: str, tmp_path: Path) -> None:
    keys = [generate_key_file(tmp_path / name).uri for name in ("a.key", "b.key")]
    path = tmp_path / "all.export"
    strongroom("export", "--to", keys[0], "--to", keys[1], "-o", str(path))
    assert f"--key {keys[0]}" in strongroom("import", "strongroom", str(path), code=KEY).stderr
    for key in keys:
        strongroom("import", "strongroom", str(path), "--key", key, "--dry-run")
    data = path.read_bytes()
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    strongroom("import", "strongroom", str(path), "--key", keys[0], code=INTEGRITY)


def test_a_dry_run_of_an_export_asks_for_no_key(strongroom: Run, crm: str) -> None:
    rows = json.loads(strongroom("export", "--dry-run", "--json").stdout)
    assert rows == [{"name": "prod-crm", "type": "crm-api", "version": 1, "current": True, "wanted_by": None}]
    assert "No block fits" in strongroom("export", "nothing-*", "--dry-run").stderr


def test_what_fits_no_block_is_an_error_and_leaves_no_file(strongroom: Run, crm: str, tmp_path: Path) -> None:
    key, path = generate_key_file(tmp_path / "a.key").uri, tmp_path / "all.export"
    assert "No block fits." in strongroom("export", "nothing-*", "--to", key, "-o", str(path), code=NOT_FOUND).stderr
    missing = strongroom("export", "prod-crm", "mistyped", "--to", key, "-o", str(path), code=NOT_FOUND).stderr
    assert "no block named mistyped" in missing
    assert not path.exists()
    assert str(path / "a") in strongroom("export", "--to", key, "-o", str(path / "a"), code=1).stderr


def test_another_file_is_told_to_be_no_export(strongroom: Run, crm: str, tmp_path: Path) -> None:
    strongroom("backup", "make", str(tmp_path / "a.backup"))
    (tmp_path / "a.json").write_text('{"a": 1}')
    for name in ("a.backup", "a.json"):
        told = strongroom("import", "strongroom", str(tmp_path / name), code=1).stderr
        assert "This is no export of Strongroom." in told


def test_secrets_in_clear_are_asked_for_by_name(strongroom: Run, crm: str, outside: Path) -> None:
    path = outside / "plain.jsonl"
    assert "--yes-i-want" in strongroom("export", "--plain", "-o", str(path), code=USAGE).stderr
    strongroom("export", "-o", str(path), code=USAGE)
    strongroom("export", "--plain", "--to", "passphrase", "-o", str(path), code=USAGE)
    strongroom("export", "--plain", "--yes-i-want-secrets-in-clear", code=USAGE)
    assert not path.exists()
    strongroom("export", "--plain", "--yes-i-want-secrets-in-clear", "-o", str(path))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert crm in path.read_text()
    assert "same" in strongroom("import", "strongroom", str(path)).stdout


def test_an_export_goes_to_a_pipe_and_to_no_terminal(
    strongroom: Run, process: Process, crm: str, tmp_path: Path, canary: Plant
) -> None:
    piped = process("export", "--plain", "--yes-i-want-secrets-in-clear", "-o", "-", reveals=True)
    assert crm in piped.stdout
    parent, child = pty.openpty()
    command = [sys.executable, "-m", "strongroom", "export", "--plain", "--yes-i-want-secrets-in-clear", "-o", "-"]
    done = subprocess.run(command, stdout=child, stderr=subprocess.PIPE, timeout=60, check=False)
    os.close(child)
    os.close(parent)
    assert done.returncode == USAGE
    assert b"not for a terminal" in done.stderr


CONFIG = """
name: lake
type: local-folder
labels: [stable]
fields: {basepath: /srv/lake}
---
name: held
type: crm-holder
fields: {crm: {$block: prod-crm}}
---
name: token
type: secret
fields: {value: {$source: "env:TOKEN"}}
"""


def test_files_are_applied_with_a_diff(strongroom: Run, crm: str, tmp_path: Path) -> None:
    path = tmp_path / "blocks.yaml"
    path.write_text(CONFIG)
    dry = strongroom("apply", "-f", str(path), "--diff", "--dry-run")
    assert "+ basepath: /srv/lake" in dry.stdout
    assert "3 to create. Nothing was written." in dry.stderr
    assert "3 created." in strongroom("apply", "-f", str(path)).stderr
    assert "3 the same." in strongroom("apply", "-f", str(path)).stderr
    path.write_text(CONFIG.replace("/srv/lake", "/srv/new").replace("env:TOKEN", "env:OTHER"))
    changed = strongroom("apply", "-f", str(path), "--diff", "-m", "bigger")
    assert "~ basepath: /srv/lake → /srv/new" in changed.stdout
    assert "~ value: ******** not shown" in changed.stdout
    rows = json.loads(strongroom("apply", "-f", str(path), "--diff", "--json").stdout)
    assert [(row["name"], row["action"], row["changes"]) for row in rows] == [
        ("lake", "same", []), ("held", "same", []), ("token", "same", []),
    ]  # fmt: skip
    assert "bigger" in strongroom("block", "history", "lake").stdout


def test_a_secret_in_a_file_is_refused(strongroom: Run, crm: str, outside: Path, canary: Plant) -> None:
    path = outside / "blocks.yaml"
    path.write_text(f"name: token\ntype: secret\nfields: {{value: {canary('plain')}}}")
    assert "in clear: value" in strongroom("apply", "-f", str(path), code=1).stderr
    strongroom("apply", "-f", str(path), "--diff", "--allow-plain-secrets")
    assert "same" in strongroom("apply", "-f", str(path), "--allow-plain-secrets").stdout


def test_pruning(strongroom: Run, crm: str, tmp_path: Path) -> None:
    path = tmp_path / "blocks.yaml"
    path.write_text("name: team-a\ntype: json\nfields: {value: 1}")
    strongroom("apply", "-f", str(path))
    path.write_text("name: team-b\ntype: json\nfields: {value: 1}")
    assert "1 to create, 1 to delete" in strongroom("apply", "-f", str(path), "--prune", "team-*", "--dry-run").stderr
    assert "1 created, 1 deleted." in strongroom("apply", "-f", str(path), "--prune", "team-*").stderr
    assert strongroom("block", "ls", "team-*").stdout.count("team-") == 1


def test_what_is_huge_is_told_in_short(strongroom: Run, outside: Path) -> None:
    strongroom("init")
    path = outside / "connections.json"
    path.write_text(json.dumps({"n" * 1_000_000: "x://h", "big": {"conn_type": "x", "password": "p" * 70_000_000}}))
    assert "64 MiB" in strongroom("import", "airflow", str(path), code=1).stderr
    path.write_text(json.dumps({"n" * 1_000_000: "x://h", "big": {"conn_type": "x", "password": "p" * 2_000_000}}))
    rows = json.loads(strongroom("import", "airflow", str(path), "--json").stdout)
    assert [(row["action"], len(row["name"])) for row in rows] == [("create", 128), ("create", 3)]
    assert max(len(row["source"]) for row in rows) < 600


def test_tricks_with_names_and_control_characters(strongroom: Run, outside: Path) -> None:
    strongroom("init")
    path = outside / "connections.json"
    names = ["../../etc/passwd", "a\0b", "\x1b[31mred", "..", "con/../x"]
    path.write_text(json.dumps(dict.fromkeys(names, "x://h")))
    shown = strongroom("import", "airflow", str(path)).stdout
    assert "\x1b" not in shown
    assert "\0" not in shown
    found = [row["name"] for row in json.loads(strongroom("block", "ls", "--json").stdout)]
    assert found == ["31mred", "a-b", "con-..-x", "etc-passwd"]


def _failing_from(monkeypatch: pytest.MonkeyPatch, method: str, call: int) -> None:
    """Have a method of the registry fail at its nth call and from then on."""
    from strongroom_registry.embedded import EmbeddedRegistry
    from strongroom_registry.errors import StoreUnavailable

    real, calls = getattr(EmbeddedRegistry, method), iter(range(1, 1000))

    def sometimes(*args: Any, **kwargs: Any) -> Any:
        if next(calls) >= call:
            raise StoreUnavailable("The disk is full.")
        return real(*args, **kwargs)

    monkeypatch.setattr(EmbeddedRegistry, method, sometimes)


def test_what_was_done_before_a_failure_is_told_and_kept(
    strongroom: Run, outside: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    strongroom("init")
    (outside / ".env").write_text("A=1\nB=2\nC=3\n")
    with monkeypatch.context() as patched:
        _failing_from(patched, "put", 2)
        failed = strongroom("import", "dotenv", str(outside / ".env"), code=7)
    assert "1 created." in failed.stderr
    assert "The disk is full." in failed.stderr
    assert "B" not in failed.stdout
    rows = json.loads(strongroom("import", "dotenv", str(outside / ".env"), "--json").stdout)
    assert [row["action"] for row in rows] == ["same", "create", "create"]


def test_an_export_that_fails_leaves_no_file(
    strongroom: Run, crm: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    strongroom("block", "new", "json", "other", "--set", "value:=1")
    key = generate_key_file(tmp_path / "export.key").uri
    with monkeypatch.context() as patched:
        _failing_from(patched, "get", 2)
        strongroom("export", "--to", key, "-o", str(tmp_path / "all.export"), code=7)
    assert list(tmp_path.glob("*all.export*")) == []
    strongroom("export", "--to", key, "-o", str(tmp_path / "absent" / "all.export"), code=1)
    strongroom("export", "--to", "nothing:", "-o", str(tmp_path / "all.export"), code=KEY)
    assert list(tmp_path.glob("*all.export*")) == []
