"""``strongroom policy`` and ``strongroom approval``, on a registry of one's own and on a server."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from servers.service import serve
from strongroom.cli import main

Run = Callable[..., Result]

READERS = """\
description: Read what is not secret.
rules:
  - effect: allow
    paths: ["default/*"]
    verbs: [list, view]
  - effect: deny
    paths: ["default/secret-*"]
    verbs: ["*"]
"""


@pytest.fixture
def run(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Run]:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "readers.yaml").write_text(READERS)

    def command(*args: str, **more: Any) -> Result:
        return CliRunner().invoke(main, args, **more)

    if getattr(request, "param", "registry") == "registry":
        assert command("init").exit_code == 0
        yield command
        return
    server = serve()
    monkeypatch.setenv("STRONGROOM_REGISTRY", server.url)
    monkeypatch.setenv("STRONGROOM_TOKEN", server.token)
    yield command
    server.stop()


def told(result: Result) -> Any:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.mark.parametrize("run", ["registry", "server"], indirect=True)
def test_a_policy_is_written_shown_asked_and_removed(run: Run, tmp_path: Path) -> None:
    assert told(run("policy", "write", "readers", "readers.yaml", "--new", "--json"))["version"] == 1
    shown = run("policy", "show", "readers")
    assert shown.stdout.startswith("# policy readers, version 1\n")
    (tmp_path / "again.yaml").write_text(shown.stdout)
    assert told(run("policy", "write", "readers", "again.yaml", "--version", "1", "--json"))["version"] == 2
    assert run("policy", "write", "readers", "again.yaml", "--version", "1").exit_code == 4
    taken = run("policy", "write", "readers", "again.yaml", "--new")
    assert (taken.exit_code, "There is a policy readers already." in taken.stderr) == (4, True)
    names = [line["name"] for line in told(run("policies", "ls", "--json"))]
    assert names == ["default", "readers", "root"]
    asked = run("policy", "test", "view", "default/db", "default/secret-db", "--policy", "readers", "--json")
    assert asked.exit_code == 4
    assert [one["allowed"] for one in json.loads(asked.stdout)] == [True, False]
    why = told(run("policy", "explain", "view", "default/secret-db", "--policy", "readers", "--json"))
    assert why["why"] == "denied by rule 2 of policy readers"
    text = run("policy", "explain", "reveal", "default/db", "--policy", "readers").output
    assert "Rule 1 of policy readers is about list, view here, not reveal" in text
    assert run("policy", "rm", "readers").exit_code == 0
    assert run("policy", "show", "readers").exit_code == 3
    assert run("policy", "rm", "root").exit_code == 4


def test_a_draft_is_tried_with_facts(run: Run, tmp_path: Path) -> None:
    draft = {"rules": [{"effect": "allow", "paths": ["{{identity.name}}/*"], "verbs": ["view"],
                        "when": {"addresses": ["10.0.0.0/8"]}}]}  # fmt: skip
    question = ("policy", "test", "view", "alice/db", "--file", "-", "--fact", "name=alice", "--from")
    assert run(*question, "10.1.1.1", input=json.dumps(draft)).exit_code == 0
    assert run(*question, "192.0.2.1", input=json.dumps(draft)).exit_code == 4
    assert told(run("policy", "ls", "--json"))[0]["name"] == "default"


def test_what_does_not_fit_is_a_usage_error_that_says_where(run: Run, tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("rules: [{effect: allow, paths: ['A/b'], verbs: [view]}]")
    bad = run("policy", "write", "p", "bad.yaml")
    assert (bad.exit_code, "rules.0.paths.0: names are in lower case. See `strongroom" in bad.stderr) == (2, True)
    away = run("policy", "write", "p", "nowhere.yaml")
    assert (away.exit_code, "nowhere.yaml cannot be read" in away.stderr) == (2, True)
    for args in (("test", "sudo", "a/b"), ("explain", "view", "a/../b"), ("write", "p", "-")):
        assert run("policy", *args).exit_code == 2, args


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--for", "nobody"), "identity: somebody is named as user:alice or account:ci"),
        (("--from", "10.1"), "address: it is no address of IPv4 or IPv6"),
        (("--fact", "team=data"), "what is known of somebody is name, kind and metadata.KEY"),
    ],
)
def test_who_is_asked_for_is_said_in_words_that_are_understood(run: Run, options: tuple[str, str], says: str) -> None:
    asked = run("policy", "explain", "view", "a/b", *options)
    assert (asked.exit_code, says in asked.stderr) == (2, True), asked.stderr
    assert "^" not in asked.stderr


def test_a_test_says_which_policies_are_not_there(run: Run) -> None:
    asked = run("policy", "test", "view", "a/b", "--policy", "raeders", "--json")
    assert (asked.exit_code, json.loads(asked.stdout)[0]["allowed"]) == (4, False)
    assert asked.stderr == "There is no policy raeders, so it allows nothing.\n"


@pytest.mark.parametrize("run", ["registry", "server"], indirect=True)
def test_protections_and_approvals(run: Run) -> None:
    made = told(run("approval", "protect", "prod", "default/prod-*", "--approvers", "leads", "--json"))
    assert (made["approvers"], made["approvals"]) == ("leads", 1)
    assert [one["name"] for one in told(run("approval", "protections", "--json"))] == ["prod"]
    assert run("approval", "protect", "keepers", ":service/protections/**", "--verb", "administer").exit_code == 0
    waits = run("approval", "unprotect", "keepers")
    assert (waits.exit_code, "until somebody else approves it" in waits.stderr) == (4, True)
    (waiting,) = told(run("approvals", "ls", "--json"))
    own = run("approval", "approve", waiting["id"])
    assert (own.exit_code, "Nobody approves his own change" in own.stderr) == (4, True)
    assert told(run("approval", "show", waiting["id"], "--json"))["path"] == ":service/protections/keepers"
    assert told(run("approval", "refuse", waiting["id"], "--reason", "no", "--json"))["state"] == "withdrawn"
    assert told(run("approval", "ls", "--json")) == []
    assert run("approval", "protect", "keepers", ":service/**").exit_code == 4
    (waiting,) = told(run("approvals", "ls", "--json"))
    assert '  paths        [":service/**"]' in run("approval", "show", waiting["id"]).stdout
    assert run("approval", "protect", "p", "A/b").exit_code == 2
    assert run("approval", "show", "0" * 16).exit_code == 3


def test_states_are_those_that_there_are() -> None:
    from strongroom_service.approvals.waiting import State
    from strongroom_service.cli.approval import STATES

    assert tuple(State) == STATES
