"""Policies in Vault's language and in Strongroom's have names side by side. Who may much in the one gets no right in
the other by it, and loses nothing that denies him something.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import pytest
from servers.service import TokenFor, bearer
from starlette.testclient import TestClient
from strongroom_service.identity.grant import Grant
from strongroom_service.policies.policy import Policy
from strongroom_service.service import Service

PAYLOAD = "/api/v1/workspaces/teams/documents/db/payload"
KV = "/v1/kv/data/{}/db"
ADMIN = """
path "sys/policies/acl/*" { capabilities = ["create", "update", "read", "delete", "list", "sudo"] }
path "auth/*" { capabilities = ["create", "update", "read", "delete", "sudo"] }
"""
Headers = dict[str, str]
Write = Callable[..., None]


@pytest.fixture
def write(client: TestClient) -> Write:
    """Write a policy: one text in Vault's language, or a rule in Strongroom's."""

    def written(name: str, *rules: Any) -> None:
        if isinstance(rules[0], str):
            answer = client.put(f"/v1/sys/policies/acl/{name}", json={"policy": rules[0]})
        else:
            body = {"rules": [{"effect": effect, "paths": [path], "verbs": verbs} for effect, path, verbs in rules]}
            answer = client.put(f"/api/v1/policies/{name}", json=body)
        assert answer.is_success, answer.text

    return written


@pytest.fixture
def mel(client: TestClient, write: Write, token_for: TokenFor) -> Headers:
    """Somebody who may do what he likes with policies, tokens and roles beneath ``/v1``, and nothing else."""
    client.post("/api/v1/workspaces", json={"name": "teams"})
    document = {"type": "t", "schema": "1", "payload": base64.b64encode(b"{}").decode()}
    assert client.put("/api/v1/workspaces/teams/documents/db", json=document).is_success
    for kind in ("approle", "userpass"):
        assert client.put(f"/v1/sys/auth/{kind}", json={"type": kind}).is_success
    write("vault-admin", ADMIN)
    return {"Authorization": "", "X-Vault-Token": token_for("vault-admin", identity="user:mel")}


def made(client: TestClient, by: Headers, *policies: str) -> str:
    answer = client.put("/v1/auth/token/create", json={"policies": policies}, headers=by)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["auth"]["client_token"])


def test_a_name_that_was_of_vaults_language_becomes_no_right_in_the_other(
    client: TestClient, write: Write, mel: Headers
) -> None:
    policy = "/v1/sys/policies/acl/prod-admins"
    assert client.put(policy, json={"policy": 'path "x" { capabilities = ["read"] }'}, headers=mel).is_success
    token = made(client, mel, "prod-admins")
    assert client.delete(policy, headers=mel).is_success
    assert client.get(policy).status_code == 404
    assert "prod-admins" not in client.get("/v1/sys/policies/acl?list=true").json()["data"]["keys"]
    broad = {"rules": [{"effect": "allow", "paths": ["**"], "verbs": ["*"]}]}
    refused = client.put("/api/v1/policies/prod-admins", json=broad)
    assert refused.status_code == 409, refused.text
    assert "Vault" in refused.json()["error"]["message"]
    assert client.get(PAYLOAD, headers=bearer(token)).status_code == 403
    assert client.put("/v1/auth/token/create", json={"policies": ["prod-admins"]}, headers=mel).status_code == 403
    assert client.put(policy, json={"policy": 'path "y" { capabilities = ["read"] }'}, headers=mel).is_success


def test_such_a_name_is_freed_by_who_administers_all_policies(
    client: TestClient, write: Write, mel: Headers, token_for: TokenFor
) -> None:
    own, path = "/api/v1/policies/team-x", "/v1/sys/policies/acl/team-x"
    write("leads", ("allow", ":service/policies/team-*", ["administer"]))
    write("admins", ("allow", ":service/policies/*", ["administer"]))
    lead, admin = (bearer(token_for(name)) for name in ("leads", "admins"))
    write("team-x", 'path "x" { capabilities = ["read"] }')
    assert client.delete(own, headers=admin).status_code == 404  # it is there, and not his
    assert client.delete(path).is_success
    assert client.delete(own, headers=lead).status_code == 403
    assert client.put(own, json={"rules": []}, headers=lead).status_code == 409
    assert client.delete(own, headers=admin).status_code == 204
    assert client.delete(own, headers=admin).status_code == 404
    assert client.put(own, json={"rules": []}, headers=lead).status_code == 200


def test_a_name_in_both_languages_is_that_of_the_one_that_gives_more(
    client: TestClient, service: Service, write: Write, mel: Headers
) -> None:
    """Two who write at the same moment can come to this."""
    write("both", 'path "x" { capabilities = ["read"] }')
    rules = [{"effect": "allow", "paths": ["**"], "verbs": ["*"]}]
    service.directory.put("policy", "both", Policy.model_validate({"rules": rules}))
    assert client.put("/v1/auth/token/create", json={"policies": ["both"]}, headers=mel).status_code == 403


def test_nobody_approves_by_a_policy_in_vaults_language(client: TestClient, write: Write, mel: Headers) -> None:
    protection = {"paths": ["teams/db"], "approvers": "data-leads"}
    assert client.put("/api/v1/protections/prod", json=protection).is_success
    waiting = client.delete("/api/v1/workspaces/teams/documents/db").json()["approval"]
    text = {"policy": 'path "x" { capabilities = ["read"] }'}
    assert client.put("/v1/sys/policies/acl/data-leads", json=text, headers=mel).is_success
    token = made(client, mel, "data-leads")
    approve = f"/api/v1/approvals/{waiting}/approve"
    assert client.post(approve, headers=bearer(token)).status_code == 404
    assert client.delete("/v1/sys/policies/acl/data-leads", headers=mel).is_success
    assert client.post(approve, headers=bearer(token)).status_code == 404


@pytest.fixture
def kv(client: TestClient) -> None:
    assert client.put("/v1/sys/mounts/kv", json={"type": "kv", "options": {"version": "2"}}).is_success
    for team in ("ops", "finance", "prod"):
        assert client.put(KV.format(team), json={"data": {"n": 1}}).is_success


ALL_KV = 'path "kv/*" { capabilities = ["read"] }'
NO_PROD = 'path "kv/data/prod/*" { capabilities = ["deny"] }'
NOTHING_OF_PROD = 'path "kv/data/prod/*" { capabilities = [] }'


@pytest.mark.parametrize("denial", [NO_PROD, NOTHING_OF_PROD])
@pytest.mark.usefixtures("kv")
def test_what_vaults_language_denies_goes_with_what_is_given(
    client: TestClient, write: Write, token_for: TokenFor, denial: str
) -> None:
    write("all-kv", ALL_KV)
    write("no-prod", denial)
    write("makes", 'path "auth/token/*" { capabilities = ["update"] }')
    write("people", ("allow", ":service/**", ["administer", "write"]), ("deny", ":service/tokens", ["administer"]))
    names = ("all-kv", "no-prod", "makes", "people")
    token = token_for(*names)
    own, own_of_vault = bearer(token), {"Authorization": "", "X-Vault-Token": token}
    assert client.get(KV.format("prod"), headers=own_of_vault).status_code == 403
    less = ["all-kv", "makes", "people"]
    assert client.post("/api/v1/tokens", json={"policies": less}, headers=own).status_code == 403
    assert client.put("/api/v1/identities/users/sock", json={"policies": less}, headers=own).status_code == 403
    assert client.put("/v1/auth/token/create", json={"policies": ["all-kv"]}, headers=own_of_vault).status_code == 403
    assert client.put("/v1/auth/token/roles/any", json={"renewable": True}).is_success
    role = client.put("/v1/auth/token/create/any", json={"policies": ["all-kv"]}, headers=own_of_vault)
    assert role.status_code == 403
    child = client.post("/api/v1/tokens", json={"policies": ["all-kv", "no-prod", "people"]}, headers=own)
    assert child.status_code == 201, child.text
    kept = client.put("/v1/auth/token/create", json={"policies": ["all-kv", "no-prod"]}, headers=own_of_vault)
    assert kept.status_code == 403  # people denies something too
    whole = client.put("/v1/auth/token/create", json={"policies": [*names]}, headers=own_of_vault)
    assert whole.status_code == 200, whole.text


@pytest.mark.usefixtures("kv")
def test_a_template_in_vaults_language_is_no_right_of_others(
    client: TestClient, write: Write, service: Service
) -> None:
    write("own-kv", 'path "kv/data/{{identity.metadata.team}}/*" { capabilities = ["read"] }')
    write("people", ("allow", ":service/identities/*", ["administer", "view"]))
    body = {"policies": ["own-kv", "people"], "metadata": {"team": "ops"}}
    assert client.put("/api/v1/identities/users/al", json=body).is_success
    token = service.tokens.issue(Grant(identity="user:al", origin="user.al")).token.text
    own_of_vault = {"Authorization": "", "X-Vault-Token": token}
    of_finance = {**body, "metadata": {"team": "finance"}}
    for name in ("al", "sock"):
        answer = client.put(f"/api/v1/identities/users/{name}", json=of_finance, headers=bearer(token))
        assert answer.status_code == 403, answer.text
    assert client.get(KV.format("ops"), headers=own_of_vault).status_code == 200
    assert client.get(KV.format("finance"), headers=own_of_vault).status_code == 403
    assert client.put("/api/v1/identities/users/sock", json=body, headers=bearer(token)).is_success
    assert (
        client.put("/api/v1/identities/groups/g", json={"policies": ["own-kv"]}, headers=bearer(token)).status_code
        == 403
    )


def test_what_somebody_loses_is_not_kept_by_a_policy_that_was_given_besides(
    client: TestClient, write: Write, service: Service
) -> None:
    write("makes", 'path "auth/token/*" { capabilities = ["update", "sudo"] }')
    write("of-vault", 'path "x" { capabilities = ["read"] }')
    write("readers", ("allow", "teams/*", ["reveal"]))
    write("no-db", ("deny", "teams/db", ["*"]))
    user = "/api/v1/identities/users/al"
    assert client.put(user, json={"policies": ["makes", "readers"]}).is_success
    token = service.tokens.issue(Grant(identity="user:al", origin="user.al")).token.text
    by = {"Authorization": "", "X-Vault-Token": token}
    given = made(client, by, "readers", "of-vault")
    again = made(
        client, {**by, "X-Vault-Token": made(client, by, "readers", "of-vault", "makes")}, "readers", "of-vault"
    )

    def policies(text: str) -> set[str]:
        return set(client.get("/api/v1/tokens/self", headers=bearer(text)).json()["policies"])

    for text in (given, again):
        assert policies(text) == {"default", "readers", "of-vault"}
    assert client.put(user, json={"policies": ["makes", "no-db"]}).is_success
    for text in (given, again):
        assert policies(text) == {"default", "of-vault", "no-db"}
