"""What somebody made of another, who may more by now, gives him nothing of that: not what was added since."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from servers.service import TokenFor, bearer
from starlette.testclient import TestClient

BASE = "/api/v1/identities"
Write = Callable[..., None]


@pytest.fixture
def write(client: TestClient) -> Write:
    def written(name: str, path: str, *verbs: str, effect: str = "allow") -> None:
        body = {"rules": [{"effect": effect, "paths": [path], "verbs": verbs}]}
        assert client.put(f"/api/v1/policies/{name}", json=body).is_success

    return written


@pytest.fixture
def desk(write: Write, token_for: TokenFor) -> dict[str, str]:
    """Somebody who makes tokens and secret ids, and reads."""
    write("desk", ":service/**", "write", "view")
    write("readers", "teams/*", "reveal")
    write("writers", "teams/*", "write")
    write("no-prod", "teams/prod-*", "*", effect="deny")
    return bearer(token_for("desk", "readers", identity="user:desk"))


def policies(client: TestClient, token: str) -> set[str]:
    found = client.get("/api/v1/tokens/self", headers=bearer(token))
    assert found.status_code == 200, found.text
    return set(found.json()["policies"])


def test_a_token_of_an_account_has_what_its_maker_could_give(client: TestClient, desk: dict[str, str]) -> None:
    account = f"{BASE}/accounts/ci"
    assert client.put(account, json={"policies": ["readers"]}).is_success
    made = client.post("/api/v1/tokens", json={"account": "ci"}, headers=desk).json()["token"]
    of_root = client.post("/api/v1/tokens", json={"account": "ci"}).json()["token"]
    assert client.put(account, json={"policies": ["readers", "writers", "no-prod"]}).is_success
    assert client.post("/api/v1/tokens", json={"account": "ci"}, headers=desk).status_code == 403
    assert policies(client, made) == {"default", "readers", "no-prod"}  # what is denied to it comes along
    assert policies(client, of_root) == {"default", "readers", "writers", "no-prod"}
    assert client.put(account, json={"policies": ["writers"]}).is_success
    assert policies(client, made) == {"default"}


def log_in(client: TestClient, made: dict[str, str]) -> str:
    both = {"role_id": made["role_id"], "secret_id": made["secret_id"]}
    said = client.post("/api/v1/auth/approle/login", json=both, headers={"Authorization": ""})
    assert said.status_code == 200, said.text
    return str(said.json()["token"])


def test_a_secret_id_gives_what_its_maker_could_give(client: TestClient, desk: dict[str, str]) -> None:
    role = f"{BASE}/approles/etl"
    assert client.put(role, json={"token_policies": ["readers"]}).is_success
    made, of_root = (client.post(f"{role}/secret-ids", json={}, headers=who).json() for who in (desk, {}))
    before = log_in(client, made)
    assert client.put(role, json={"token_policies": ["readers", "writers", "no-prod"]}).is_success
    assert client.post(f"{role}/secret-ids", json={}, headers=desk).status_code == 403
    assert policies(client, log_in(client, made)) == {"default", "readers", "no-prod"}
    assert policies(client, log_in(client, of_root)) == {"default", "readers", "writers", "no-prod"}
    assert policies(client, before) == {"default", "readers", "no-prod"}
    assert client.put(role, json={"token_policies": ["writers"], "token_no_default_policy": True}).is_success
    empty = log_in(client, made)
    assert client.get("/api/v1/tokens/self", headers=bearer(empty)).status_code == 403


def test_one_made_beneath_v1_neither(client: TestClient, desk: dict[str, str], token_for: TokenFor) -> None:
    assert client.put("/v1/sys/auth/approle", json={"type": "approle"}).is_success
    text = 'path "auth/approle/*" { capabilities = ["create", "update"] }'
    for name in ("auth-desk", "kv", "more-kv"):
        assert client.put(f"/v1/sys/policies/acl/{name}", json={"policy": text}).is_success
    by = {"Authorization": "", "X-Vault-Token": token_for("auth-desk", "readers")}
    role = "/v1/auth/approle/role/etl"
    assert client.put(role, json={"token_policies": "readers,kv"}).is_success
    secret = client.put(f"{role}/secret-id", json={}, headers=by).json()["data"]["secret_id"]
    assert client.put(role, json={"token_policies": "readers,writers,kv,more-kv"}).is_success
    role_id = client.get(f"{role}/role-id").json()["data"]["role_id"]
    said = client.put(
        "/v1/auth/approle/login", json={"role_id": role_id, "secret_id": secret}, headers={"Authorization": ""}
    )
    assert set(said.json()["auth"]["policies"]) == {"default", "readers", "kv", "more-kv"}


@pytest.mark.parametrize("word", ["users", "accounts"])
def test_nobody_is_put_into_a_group_by_whom_it_is_not(
    client: TestClient, write: Write, token_for: TokenFor, word: str
) -> None:
    write("people", f":service/identities/{word[:-1]}:*", "administer", "view")
    write("grouper", ":service/identities/group:team-*", "administer")
    own, with_groups = (bearer(token_for(*names)) for names in (("people",), ("people", "grouper")))
    for name in ("ops", "team-a"):
        assert client.put(f"{BASE}/groups/{name}", json={}).is_success
    one = f"{BASE}/{word}/sock"
    for group in ("ops", "team-a", "later"):
        assert client.put(one, json={"groups": [group]}, headers=own).status_code == 403, group
    assert client.put(one, json={"groups": ["team-a"]}, headers=with_groups).is_success
    assert client.put(one, json={"groups": ["ops"]}).is_success
    assert client.put(one, json={"groups": ["ops"], "metadata": {"team": "x"}}, headers=own).is_success
    assert client.put(one, json={"groups": ["ops", "team-a"]}, headers=own).status_code == 403
    assert client.put(one, json={"groups": []}, headers=own).is_success
