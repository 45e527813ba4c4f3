"""``strongroom login``, ``token`` and ``identity``, on a registry of one's own and on a server."""

from __future__ import annotations

import json
import os
import re
import secrets
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from servers.kubernetes_api import kubernetes_api
from servers.oidc import open_id_provider
from servers.s3 import S3Server
from servers.service import Served, serve
from strongroom.cli import main

Run = Callable[..., Result]
PASSWORD = f"correct {secrets.token_hex(8)} staple"


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    monkeypatch.chdir(tmp_path)

    def command(*args: str, **more: Any) -> Result:
        return CliRunner().invoke(main, args, **more)

    assert command("init").exit_code == 0
    return command


@pytest.fixture
def server(run: Run, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    """A server that the commands ask, as root."""
    running = serve()
    monkeypatch.setenv("STRONGROOM_REGISTRY", running.url)
    monkeypatch.setenv("STRONGROOM_TOKEN", running.token)
    yield running
    running.stop()


def told(result: Result) -> Any:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def kept() -> list[Path]:
    return list((Path(os.environ["XDG_CONFIG_HOME"]) / "strongroom" / "tokens").glob("*"))


def test_identities_are_made_shown_changed_and_removed(run: Run) -> None:
    assert told(run("identity", "group", "set", "analysts", "--policy", "readers", "--json"))["version"] == 1
    made = run("identity", "user", "set", "alice", "--group", "analysts", "--metadata", "team=data", "--json")
    assert told(made)["user"] == {
        "full_name": "",
        "policies": [],
        "groups": ["analysts"],
        "metadata": {"team": "data"},
        "disabled": False,
    }
    changed = told(run("identity", "user", "set", "alice", "--disable", "--json"))
    assert (changed["version"], changed["user"]["disabled"], changed["user"]["groups"]) == (2, True, ["analysts"])
    assert "alice" in run("identity", "user", "ls").stdout
    assert "team=data" in run("identity", "users", "show", "alice").stdout
    assert told(run("identity", "account", "set", "ci", "--policy", "deploy", "--json"))["account"]["policies"] == [
        "deploy"
    ]
    assert run("identity", "user", "rm", "alice").exit_code == 0
    assert run("identity", "user", "rm", "alice").exit_code == 3
    assert told(run("identity", "user", "ls", "--json")) == []


def test_machines_get_roles_and_secret_ids(run: Run) -> None:
    options = ("--policy", "readers", "--token-ttl", "1h", "--secret-id-uses", "3", "--network", "10.0.0.0/8")
    role = told(run("identity", "approle", "set", "etl", *options, "--json"))
    assert (role["approle"]["token_ttl"], role["approle"]["secret_id_uses"]) == (3600, 3)
    made = run("identity", "approle", "secret-id", "etl", "--ttl", "10m", "--uses", "1")
    assert made.stdout.strip().startswith("srs_")
    assert role["role_id"] in made.stderr
    shown = re.sub(" +", " ", run("identity", "approle", "show", "etl").stdout)
    assert "token ttl 1h\n" in shown
    assert "bind secret id yes\n" in shown
    assert "token max ttl" not in shown
    [listed] = told(run("identity", "approle", "secret-ids", "etl", "--json"))
    assert listed["uses"] == 1
    assert made.stdout.strip() not in str(listed)
    assert run("identity", "approle", "rm-secret-id", "etl", listed["accessor"]).exit_code == 0
    assert told(run("identity", "approle", "secret-ids", "etl", "--json")) == []
    assert run("identity", "approle", "secret-id", "etl", "--uses", "4").exit_code == 4


def test_providers_are_written_without_their_secrets(run: Run, tmp_path: Path) -> None:
    (tmp_path / "okta.yaml").write_text(
        "settings:\n  type: oidc\n  issuer: https://acme.example.com\n  client_id: strongroom\n"
        "  rules:\n    - claims: {groups: [data]}\n      policies: [readers]\n"
    )
    secret = secrets.token_urlsafe(16)
    write = ("identity", "provider", "write", "okta", "okta.yaml")
    assert told(run(*write, "--secret", "--new", "--json", input=f"{secret}\n"))["has_secret"] is True
    shown = run("identity", "provider", "show", "okta")
    assert secret not in shown.output
    (tmp_path / "okta.yaml").write_text(shown.stdout)
    assert told(run(*write, "--json"))["has_secret"] is True
    assert run(*write, "--new").exit_code == 4
    (tmp_path / "okta.yaml").write_text("nonsense")
    assert run(*write).exit_code == 2


def test_whoever_has_the_key_gets_back_in_when_all_tokens_are_lost(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    made = told(run("token", "create", "--policy", "root", "--json"))
    assert made["about"]["policies"] == ["default", "root"]
    assert made["about"]["expires"] is None
    server = serve()
    try:
        monkeypatch.setenv("STRONGROOM_REGISTRY", server.url)
        monkeypatch.setenv("STRONGROOM_TOKEN", made["token"])
        assert told(run("token", "show", "--json"))["accessor"] == made["about"]["accessor"]
        assert len(told(run("token", "ls", "--json"))) == 2
    finally:
        server.stop()


def test_there_is_no_own_token_without_a_server(run: Run) -> None:
    assert run("token", "show").exit_code == 3
    refused = run("login")
    assert refused.exit_code == 2
    assert "no server" in refused.stderr


def test_tokens_are_made_seen_renewed_and_revoked(run: Run, server: Served) -> None:
    made = run("token", "create", "--policy", "readers", "--ttl", "8h", "--name", "grafana")
    text = made.stdout.strip()
    accessor = text[4:16]
    assert accessor in made.stderr
    assert text not in made.stderr
    assert "grafana" in run("token", "ls").stdout
    assert accessor in run("token", "show", accessor).stdout
    assert told(run("token", "renew", accessor, "--ttl", "1d", "--json"))["ttl_seconds"] == 8 * 3600
    assert told(run("token", "revoke", accessor, "--json")) == {"ended": 1}
    assert run("token", "show", accessor).exit_code == 3
    assert run("token", "create", "--ttl", "0m").exit_code == 2
    create = ("token", "create", "--policy", "readers")
    assert "It lives 32d and not 90d: the server allows no more." in run(*create, "--ttl", "90d").stderr
    for options in (("--ttl", "8h"), ("--ttl", "9d", "--max-ttl", "1d"), ("--period", "90d")):
        assert "It lives" not in run(*create, *options).stderr, options


def test_somebody_logs_in_with_a_password_and_out_again(
    run: Run, server: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("identity", "user", "set", "alice")
    assert run("identity", "user", "password", "alice", input=f"{PASSWORD}\n").exit_code == 0
    monkeypatch.delenv("STRONGROOM_TOKEN")
    wrong = run("login", "--name", "alice", input="wrong password\n")
    assert wrong.exit_code != 0
    assert "The name or the password is wrong." in wrong.stderr
    assert kept() == []
    done = told(run("login", "--name", "alice", "--json", input=f"{PASSWORD}\n"))
    [file] = kept()
    assert done["file"] == str(file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert told(run("token", "show", "--json"))["identity"] == "user:alice"
    assert run("logout").stdout.startswith("Logged out")
    assert kept() == []
    assert run("logout").exit_code == 3
    assert run("token", "show").exit_code != 0


def test_where_nobody_can_be_asked_the_name_has_to_be_given(run: Run, server: Served) -> None:
    asked = run("login", input="")
    assert (asked.exit_code, "Give --name, and pipe the password in." in asked.stderr) == (2, True)
    assert not kept()


def test_a_token_that_is_none_is_not_kept(run: Run, server: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STRONGROOM_TOKEN")
    assert run("login", "--method", "token", input=f"{server.token[:-1]}\n").exit_code != 0
    assert kept() == []
    assert run("login", "--method", "token", input=f"{server.token}\n").exit_code == 0
    assert told(run("token", "show", "--json"))["identity"] == "root"


def test_a_machine_logs_in_and_prints_its_token(run: Run, server: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    role = told(run("identity", "approle", "set", "etl", "--json"))
    secret = run("identity", "approle", "secret-id", "etl").stdout.strip()
    monkeypatch.delenv("STRONGROOM_TOKEN")
    monkeypatch.setenv("STRONGROOM_SECRET_ID", secret)
    printed = run("login", "--method", "approle", "--role-id", role["role_id"], "--print").stdout.strip()
    assert kept() == []
    monkeypatch.setenv("STRONGROOM_TOKEN", printed)
    assert told(run("token", "show", "--json"))["identity"] == "approle:etl"


def test_an_unknown_provider_is_told_with_those_that_there_are(run: Run, server: Served) -> None:
    refused = run("login", "--provider", "nobody")
    assert refused.exit_code == 2
    assert "it has: none" in refused.stderr


def test_somebody_signs_in_with_a_browser(
    run: Run, server: Served, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A browser is a program that opens an address, and goes where it is sent."""
    browser = tmp_path / "browser.py"
    browser.write_text(f"#!{sys.executable}\nimport sys, urllib.request\nurllib.request.urlopen(sys.argv[1]).read()\n")
    browser.chmod(0o700)
    with open_id_provider() as provider:
        rules = [{"claims": {"sub": ["alice"]}, "policies": ["readers"]}]
        settings = {"type": "oidc", "issuer": provider.address, "client_id": provider.client_id, "rules": rules}
        (tmp_path / "id.yaml").write_text(json.dumps({"settings": settings}))
        run("identity", "provider", "write", "id", "id.yaml", "--secret", input=f"{provider.client_secret}\n")
        monkeypatch.delenv("STRONGROOM_TOKEN")
        done = subprocess.run(
            [sys.executable, "-m", "strongroom", "login", "--provider", "id", "--json"],
            env={**os.environ, "BROWSER": f"{browser} %s &"},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["identity"] == "oidc:id/alice"
    assert told(run("token", "show", "--json"))["policies"] == ["default", "readers"]


def test_a_machine_of_aws_and_a_pod_log_in(
    run: Run, server: Served, moto: S3Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    rule = {"claims": {"account": ["123456789012"]}, "policies": ["readers"]}
    aws = {"type": "aws", "sts": f"{moto.endpoint_url}/", "server": "strongroom.example.com", "rules": [rule]}
    (tmp_path / "aws.yaml").write_text(json.dumps({"settings": aws}))
    assert run("identity", "provider", "write", "aws", "aws.yaml").exit_code == 0
    monkeypatch.delenv("STRONGROOM_TOKEN")
    for directory in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(directory, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    assert "no credentials of AWS" in run("login", "--provider", "aws").stderr
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", moto.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", moto.secret_key)
    assert told(run("login", "--provider", "aws", "--json"))["identity"].startswith("aws:aws/arn:aws:")
    with kubernetes_api() as cluster:
        cluster.reviewers.add("reviewer")
        cluster.accounts["pod"] = ("system:serviceaccount:prod:etl", "uid", ["us"])
        rule = {"claims": {"namespace": ["prod"]}, "policies": ["readers"]}
        pods = {"type": "kubernetes", "api": cluster.address, "audiences": ["us"], "rules": [rule]}
        (tmp_path / "pods.yaml").write_text(json.dumps({"settings": pods}))
        monkeypatch.setenv("STRONGROOM_TOKEN", server.token)
        assert run("identity", "provider", "write", "pods", "pods.yaml", "--secret", input="reviewer\n").exit_code == 0
        monkeypatch.delenv("STRONGROOM_TOKEN")
        (tmp_path / "token").write_text("pod\n")
        done = told(run("login", "--provider", "pods", "--token-file", "token", "--json"))
    assert done["identity"] == "kubernetes:pods/prod/etl"
    assert "takes --token-file" in run("login", "--provider", "pods", "--method", "jwt").stderr
