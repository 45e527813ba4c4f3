"""``strongroom lease``, ``wrap`` and ``unwrap``, against a server that runs."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from servers.started import Started, started
from strongroom.cli import main

from .conftest import Leased

Run = Callable[..., Result]


@pytest.fixture(scope="module")
def _one_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Started, Path]]:
    """One server for all tests here, over a registry of its own."""
    home = tmp_path_factory.mktemp("served")
    environment = {"STRONGROOM_HOME": str(home / "home"), "XDG_CONFIG_HOME": str(home / "config")}
    with started(home, **environment) as server:
        yield server, home


@pytest.fixture
def run(_one_server: tuple[Started, Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    server, _ = _one_server
    monkeypatch.setenv("STRONGROOM_REGISTRY", server.url)
    monkeypatch.setenv("STRONGROOM_TOKEN", server.token)
    monkeypatch.chdir(tmp_path)

    def command(*args: str, code: int = 0, **more: Any) -> Result:
        result = CliRunner().invoke(main, args, **more)
        assert result.exit_code == code, result.output
        return result

    return command


@pytest.fixture
def role(run: Run, leased: Leased, tmp_path: Path) -> str:
    """A role of the server's, which the block ``admin`` makes users for."""
    block = leased.block().model_copy(update={"password": leased.password})
    fields = {**block.model_dump(mode="json", exclude={"password"}), "password": leased.password}
    options = [
        f"--set={name}={value}" for name, value in fields.items() if name in ("host", "port", "database", "user")
    ]
    run("block", "new", "postgresql", "admin", "--overwrite", *options, "--set=password=-", "--set=sslmode=disable",
        input=leased.password)  # fmt: skip
    (tmp_path / "role.yaml").write_text(
        f"engine: postgresql\nblock: default/admin\noptions:\n  member_of: [{leased.group}]\nmax_ttl: 7200\n"
    )
    run("lease", "define", "reader", "role.yaml")
    return "reader"


def test_a_lease_from_the_shell(run: Run, leased: Leased, role: str, canary) -> None:
    made = json.loads(run("lease", "get", role, "--ttl", "30m", "--json").stdout)
    canary(value=made["credential"]["password"])
    with leased.login(made["credential"]) as connection:
        assert connection.execute("select 1").fetchone() == (1,)
    short = made["id"].partition("/")[2]
    (listed,) = json.loads(run("lease", "ls", "--role", role, "--json").stdout)
    assert (listed["id"], listed["state"]) == (made["id"], "active")
    assert "It works until" in run("lease", "renew", short, "--ttl", "1h").stdout
    assert run("lease", "revoke", short).stdout == "The credential is gone.\n"
    assert leased.roles() == []
    assert "There is no lease" in run("lease", "revoke", short, code=3).stderr
    assert "no lease" in run("lease", "ls").stderr


def test_a_credential_as_variables(run: Run, leased: Leased, role: str) -> None:
    printed = run("lease", "get", role, "--env", "pg").stdout
    shell = subprocess.run(["sh", "-c", f"{printed}\necho $PG_USER"], capture_output=True, text=True, check=True)
    assert [shell.stdout.strip()] == leased.roles()
    assert run("lease", "revoke-all", role).stdout == "1 are being ended.\n"
    while json.loads(run("lease", "ls", "--json").stdout):
        pass  # the server's reaper was woken
    assert leased.roles() == []


def test_roles_are_shown_as_they_are_defined(run: Run, role: str, tmp_path: Path) -> None:
    shown = run("lease", "role", role).stdout
    (tmp_path / "again.yaml").write_text(shown)
    run("lease", "define", role, "again.yaml")
    assert run("lease", "role", role).stdout.partition("\n")[2] == shown.partition("\n")[2]
    assert [one["name"] for one in json.loads(run("lease", "roles", "--json").stdout)] == [role]
    (tmp_path / "bad.yaml").write_text("engine: postgresql\nblock: x\n")
    assert "block: " in run("lease", "define", role, "bad.yaml", code=2).stderr
    run("lease", "undefine", role)
    assert "no lease role" in run("lease", "get", role, code=3).stderr


def test_a_value_goes_from_one_to_another_by_its_token(run: Run, monkeypatch: pytest.MonkeyPatch, canary) -> None:
    secret = canary("handed")
    token = run("wrap", "--ttl", "5m", input=json.dumps({"password": secret})).stdout.strip()
    assert token.startswith("srw_")
    monkeypatch.delenv("STRONGROOM_TOKEN")
    assert "/api/v1/wraps" in run("unwrap", "--lookup", input=token).stdout
    other = run("unwrap", "--rewrap", input=token).stdout.strip()
    result = CliRunner().invoke(main, ["unwrap"], input=other)
    assert json.loads(result.stdout) == {"password": secret}
    for late in (token, other):
        assert "was used before" in run("unwrap", input=late, code=4).stderr


def test_a_text_stays_a_text(run: Run, tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("two\nlines\n")
    token = run("wrap", "note.txt").stdout
    assert run("unwrap", input=token).stdout == "two\nlines\n"
    assert run("unwrap", "--lookup", "--rewrap", code=2).stderr
    assert run("unwrap", input="", code=2).stderr
    assert "There is nothing in standard input." in run("wrap", input="\n", code=2).stderr
    assert "cannot be read" in run("wrap", "absent", code=2).stderr
