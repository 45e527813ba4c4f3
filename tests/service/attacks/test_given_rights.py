"""Whoever may make tokens and identities gets no right by them that he does not have."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence

import pytest
from servers.service import bearer
from starlette.testclient import TestClient
from strongroom_service.identity.grant import Grant
from strongroom_service.service import Service

Rule = tuple[str, str, list[str]]
TokenOf = Callable[..., str]
PAYLOAD = "/api/v1/workspaces/teams/documents/{}/payload"
PASSWORD = "it is mine from now on"


@pytest.fixture
def token_of(client: TestClient, service: Service) -> TokenOf:
    """The token of a user, who is made first, with policies of these rules."""
    client.post("/api/v1/workspaces", json={"name": "teams"})
    for name in ("prod-db", "finance-db"):
        document = {"type": "t", "schema": "1", "payload": base64.b64encode(b"{}").decode()}
        assert client.put(f"/api/v1/workspaces/teams/documents/{name}", json=document).is_success

    def make(name: str, rules: dict[str, Rule], *, groups: Sequence[str] = (), **more: object) -> str:
        for policy, (effect, path, verbs) in rules.items():
            body = {"rules": [{"effect": effect, "paths": [path], "verbs": verbs}]}
            assert client.put(f"/api/v1/policies/{policy}", json=body).is_success
        user = {"policies": [policy for policy in rules if policy not in groups], "groups": [*groups], **more}
        assert client.put(f"/api/v1/identities/users/{name}", json=user).is_success
        return service.tokens.issue(Grant(identity=f"user:{name}", origin=f"user.{name}")).token.text

    return make


OF_A_TEAM: Rule = ("allow", "teams/{{identity.metadata.team}}-*", ["reveal"])
ALL: Rule = ("allow", "teams/*", ["reveal"])
NO_PROD: Rule = ("deny", "teams/prod-*", ["*"])


@pytest.mark.parametrize("kind", ["users", "accounts"])
def test_a_template_is_no_right_of_others(client: TestClient, token_of: TokenOf, kind: str) -> None:
    desk: Rule = ("allow", f":service/identities/{kind[:-1]}:*", ["administer", "write", "view"])
    own = bearer(token_of("desk", {"desk": desk, "of-a-team": OF_A_TEAM}, metadata={"team": "ops"}))
    assert client.get(PAYLOAD.format("finance-db"), headers=own).status_code == 403
    of_finance = {"policies": ["of-a-team", "desk"], "metadata": {"team": "finance"}}
    answer = client.put(f"/api/v1/identities/{kind}/sock", json=of_finance, headers=own)
    assert answer.status_code == 403, answer.text
    of_own_team = {**of_finance, "metadata": {"team": "ops"}}
    assert client.put(f"/api/v1/identities/{kind}/sock", json=of_own_team, headers=own).is_success
    of_no_team = {**of_finance, "metadata": {}}
    assert client.put(f"/api/v1/identities/{kind}/sock", json=of_no_team, headers=own).is_success


def test_whose_password_is_set_has_no_more_by_templates_either(client: TestClient, token_of: TokenOf) -> None:
    desk: Rule = ("allow", ":service/identities/user:*", ["administer"])
    token_of("fay", {"of-a-team": OF_A_TEAM}, metadata={"team": "finance"})
    own = bearer(token_of("desk", {"desk": desk, "of-a-team": OF_A_TEAM}, metadata={"team": "ops"}))
    whole = {"policies": ["desk", "of-a-team"], "metadata": {"team": "finance"}}
    assert client.put("/api/v1/identities/users/fay", json=whole).is_success
    answer = client.put("/api/v1/identities/users/fay/password", json={"password": PASSWORD}, headers=own)
    assert answer.status_code == 403, answer.text
    assert client.put(
        "/api/v1/identities/users/fay", json={**whole, "metadata": {"team": "ops"}}
    ).is_success  # as root, who may
    assert client.put("/api/v1/identities/users/fay/password", json={"password": PASSWORD}, headers=own).is_success


def test_what_denies_the_caller_stays_on_a_token_of_an_account(client: TestClient, token_of: TokenOf) -> None:
    makes: Rule = ("allow", ":service/**", ["write"])
    own = bearer(token_of("al", {"all": ALL, "no-prod": NO_PROD, "makes": makes}))
    assert client.put("/api/v1/identities/accounts/ci", json={"policies": ["all"]}).is_success
    for policies in (None, ["all"], ["all", "no-prod"], ["all", "no-prod", "makes"]):
        answer = client.post("/api/v1/tokens", json={"account": "ci", "policies": policies}, headers=own)
        assert answer.status_code == 403, policies
    assert client.put("/api/v1/identities/accounts/ci", json={"policies": ["all", "no-prod"]}).is_success
    made = client.post("/api/v1/tokens", json={"account": "ci", "policies": ["all", "no-prod"]}, headers=own)
    assert made.status_code == 201
    for name, status in {"prod-db": 403, "finance-db": 200}.items():
        assert client.get(PAYLOAD.format(name), headers=bearer(made.json()["token"])).status_code == status


def test_a_group_that_denies_something_is_not_removed_by_whom_it_denies(client: TestClient, token_of: TokenOf) -> None:
    keeps: Rule = ("allow", ":service/identities/group:*", ["administer"])
    assert client.put("/api/v1/identities/groups/no-prod", json={"policies": ["no-prod"]}).is_success
    assert client.put("/api/v1/identities/groups/idle", json={"policies": ["all"]}).is_success
    own = bearer(token_of("al", {"all": ALL, "no-prod": NO_PROD, "keeps": keeps}, groups=["no-prod"]))
    assert client.delete("/api/v1/identities/groups/no-prod", headers=own).status_code == 403
    assert client.get(PAYLOAD.format("prod-db"), headers=own).status_code == 403
    assert client.delete("/api/v1/identities/groups/idle", headers=own).status_code == 204
    assert client.delete("/api/v1/identities/groups/no-prod").status_code == 204


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("auth/token/roles/r", {"allowed_policies": "later"}),
        ("auth/approle/role/r", {"token_policies": "later"}),
        ("auth/userpass/users/r", {"token_policies": "later", "password": PASSWORD}),
        ("auth/token/create", {"policies": ["later"]}),
    ],
)
def test_a_policy_that_is_not_written_yet_is_nobodys_to_give(
    client: TestClient, token_of: TokenOf, path: str, body: dict[str, object]
) -> None:
    for kind in ("approle", "userpass"):
        client.put(f"/v1/sys/auth/{kind}", json={"type": kind})
    text = 'path "auth/*" { capabilities = ["create", "update", "read", "sudo"] }'
    assert client.put("/v1/sys/policies/acl/of-vault", json={"policy": text}).is_success
    token = token_of("mel", {}, policies=["of-vault"])
    headers = {"Authorization": "", "X-Vault-Token": token}
    answer = client.put(f"/v1/{path}", json=body, headers=headers)
    assert answer.status_code == 403, answer.text
    known = {name: "of-vault" if value == "later" else value for name, value in body.items()}
    known = {name: ["of-vault"] if value == ["later"] else value for name, value in known.items()}
    assert client.put(f"/v1/{path}", json=known, headers=headers).is_success


def test_a_role_of_vaults_api_gives_no_template_of_somebody_else(client: TestClient, token_of: TokenOf) -> None:
    client.put("/v1/sys/auth/approle", json={"type": "approle"})
    text = 'path "auth/*" { capabilities = ["create", "update", "read"] }'
    assert client.put("/v1/sys/policies/acl/of-vault", json={"policy": text}).is_success
    by_name: Rule = ("allow", "teams/{{identity.name}}-*", ["reveal"])
    token = token_of("mel", {"by-name": by_name}, policies=["by-name", "of-vault"])
    headers = {"Authorization": "", "X-Vault-Token": token}
    for name, status in {"finance": 403, "mel": 204}.items():
        answer = client.put(f"/v1/auth/approle/role/{name}", json={"token_policies": "by-name"}, headers=headers)
        assert answer.status_code == status, answer.text
    assert (
        client.put("/v1/auth/token/roles/r", json={"allowed_policies": "by-name"}, headers=headers).status_code == 403
    )
