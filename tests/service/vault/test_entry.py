"""The one way into Vault's API: who is let pass, and what is said to those who are not."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from servers.service import TokenFor
from strongroom_service.service import Service
from strongroom_service.vault_api.call import Operation
from strongroom_service.vault_api.sys.tables import sys_routes

if TYPE_CHECKING:
    from conftest import Vault

DENIED = {"errors": ["permission denied"]}


def _is_denied(answer: Any) -> bool:
    return answer.status_code == 403 and answer.json() == DENIED


def test_without_a_token_nothing_is_said(secret: Vault) -> None:
    secret.put("secret/data/a", data={})
    nobody = secret.of("s.nothing")
    for path in ("secret/data/a", "secret/data/none", "nowhere/a", "sys/mounts", "sys/none", "auth/none/x"):
        assert _is_denied(nobody.get(path)), path
        assert _is_denied(nobody.put(path)), path


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("path", ["sys/health", "sys/seal-status", "sys/init", "sys/leader"])
def test_the_state_of_the_server_is_told_to_anybody(vault: Vault, method: str, path: str) -> None:
    answer = vault.of("s.nothing").ask(method, path)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert bool(answer.content) is (method == "GET")


def test_a_token_may_what_its_policies_say(secret: Vault, token_for: TokenFor) -> None:
    secret.policy("team", 'path "secret/data/team/*" { capabilities = ["create", "read"] }')
    team = secret.of(token_for("team"))
    assert team.put("secret/data/team/a", data={"n": 1}).status_code == 200
    assert team.get("secret/data/team/a").status_code == 200
    assert _is_denied(team.put("secret/data/team/a", data={"n": 2}))  # it is there: an update
    for refused in (
        team.delete("secret/data/team/a"),
        team.get("secret/data/other"),
        team.list("secret/metadata/team"),
        team.get("secret/metadata/team", list="true"),
        team.patch("secret/data/team/a", data={}),
        team.get("sys/mounts"),
        team.put("sys/policies/acl/mine", policy=""),
        team.get("secret/metadata/team/a"),
    ):
        assert _is_denied(refused)


def test_an_update_is_told_from_a_creation(secret: Vault, token_for: TokenFor) -> None:
    secret.put("secret/data/a", data={})
    secret.policy("updates", 'path "secret/*" { capabilities = ["update"] }')
    updates = secret.of(token_for("updates"))
    assert updates.put("secret/data/a", data={}).status_code == 200
    assert _is_denied(updates.put("secret/data/b", data={}))
    assert updates.put("secret/delete/a", versions=[1]).status_code == 204
    secret.delete("secret/metadata/a")
    assert _is_denied(updates.put("secret/data/a", data={}))


def test_policies_of_strongroom_say_nothing_here(secret: Vault, client: Any, token_for: TokenFor) -> None:
    everything = {"rules": [{"effect": "allow", "paths": ["**"], "verbs": ["*"]}]}
    assert client.put("/api/v1/policies/wide", json=everything).status_code == 200
    assert _is_denied(secret.of(token_for("wide")).get("secret/data/a"))
    refused = secret.put("sys/policies/acl/wide", policy="")
    assert (refused.status_code, "Strongroom" in refused.text) == (400, True)


def test_paths_that_need_sudo_are_not_reached_without(vault: Vault, token_for: TokenFor) -> None:
    vault.policy("plain", 'path "sys/*" { capabilities = ["create", "read", "update", "delete", "list"] }')
    vault.policy("super", 'path "sys/*" { capabilities = ["read", "update", "sudo"] }')
    plain, more = vault.of(token_for("plain")), vault.of(token_for("super"))
    for path in ("sys/seal", "sys/rotate", "sys/remount", "sys/audit/x", "sys/auth/x", "sys/rekey/init"):
        assert _is_denied(plain.put(path)), path
    assert _is_denied(plain.get("sys/audit"))
    assert more.get("sys/audit").status_code == 200
    assert more.put("sys/rotate").status_code == 204


def test_what_is_dangerous_asks_for_sudo() -> None:
    asked = {route.path for route in sys_routes() if route.sudo}
    assert asked >= {
        "seal",
        "rotate",
        "remount",
        "audit",
        "audit/{path:path}",
        "auth/{path:path}",
        "leases/revoke-prefix/{prefix:path}",
        "leases/revoke-force/{prefix:path}",
        "rekey/init",
        "rekey/update",
    }


def test_only_what_needs_no_token_is_open() -> None:
    assert {route.path for route in sys_routes() if route.is_open} == {
        "health",
        "leader",
        "init",
        "seal-status",
        "unseal",
        "generate-root/attempt",
        "generate-root/update",
        "wrapping/unwrap",
        "wrapping/lookup",
    }


_METHODS = {
    Operation.READ: "GET",
    Operation.LIST: "LIST",
    Operation.UPDATE: "PUT",
    Operation.DELETE: "DELETE",
    Operation.PATCH: "PATCH",
}
_ASKED = [
    (route, operation, re.sub(r"\{[a-z_]+(:path)?\}", "x", route.path))
    for route in sys_routes()
    for operation in route.operations
    if not route.is_open
]


def test_every_route_of_the_system_is_closed_to_those_without_a_right(vault: Vault, token_for: TokenFor) -> None:
    nobody = vault.of(token_for("none"))
    answers = [(path, nobody.ask(_METHODS[operation], f"sys/{path}")) for _, operation, path in _ASKED]
    assert [path for path, answer in answers if not _is_denied(answer)] == []
    assert len(answers) > 50


def test_sudo_is_asked_for_where_the_table_says_and_nowhere_else(vault: Vault, token_for: TokenFor) -> None:
    everything = ["create", "read", "update", "patch", "delete", "list"]
    vault.policy("plain", json.dumps({"path": {"*": {"capabilities": everything}}}))
    plain = vault.of(token_for("plain"))
    for route, operation, path in _ASKED:
        if path == "internal/ui/mounts/x":  # where there is no mount, nobody is told
            continue
        answer = plain.ask(_METHODS[operation], f"sys/{path}")
        assert _is_denied(answer) is (operation in route.sudo), (path, operation, answer.text)


def test_every_refusal_is_in_the_audit(secret: Vault, service: Service, token_for: TokenFor) -> None:
    secret.of(token_for("none")).get("secret/data/a")
    entry = next(service.workspaces.own.audit(limit=1))
    assert (entry.outcome, entry.name) == ("Forbidden", "/v1/secret/data/a")
    assert entry.actor.startswith("account:tester#")


def test_the_names_of_policies_are_told_apart_in_lower_case_alone(vault: Vault) -> None:
    for name in ("ROOT", "Root", "ｒｏｏｔ"):
        answer = vault.put(f"sys/policies/acl/{name}", policy="")
        assert (answer.status_code, answer.json()["errors"]) == (400, ["cannot update root policy"])
    vault.policy("Mixed", "")
    assert vault.get("sys/policies/acl/MIXED").json()["data"]["name"] == "mixed"


@pytest.mark.parametrize("method", ["TRACE", "OPTIONS"])
def test_other_methods_are_not_answered(vault: Vault, method: str) -> None:
    assert vault.ask(method, "sys/health").status_code == 405


def test_a_body_that_is_no_object_is_refused(secret: Vault) -> None:
    for body in ([], "text", 1, None):
        answer = secret.ask("PUT", "secret/data/a", json=body)
        assert answer.status_code == 400
        assert answer.json()["errors"]
