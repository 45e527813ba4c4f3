"""Whoever may administer some identities takes over none that may more than he: not by making less of it first, and not
by making it anew."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from servers.service import TokenFor, bearer
from starlette.testclient import TestClient

BASE = "/api/v1/identities"
PASSWORD = "it is mine from now on"
JWT = {"type": "jwt", "issuer": "https://ci.example.com", "audiences": ["us"]}


def _of(word: str, *policies: str) -> dict[str, Any]:
    """An identity of a kind that gives these policies."""
    if word == "providers":
        return {"settings": {**JWT, "rules": [{"claims": {"sub": ["boss"]}, "policies": policies}]}}
    return {"token_policies" if word == "approles" else "policies": policies}


@pytest.fixture
def write(client: TestClient) -> Callable[..., None]:
    def written(name: str, path: str, *verbs: str, effect: str = "allow") -> None:
        body = {"rules": [{"effect": effect, "paths": [path], "verbs": verbs}]}
        assert client.put(f"/api/v1/policies/{name}", json=body).is_success

    return written


@pytest.fixture
def desk(write: Callable[..., None], token_for: TokenFor) -> dict[str, str]:
    """Somebody who administers all identities, and reads; who may everything are others."""
    write("people", ":service/identities/*", "administer", "view", "write", "list")
    write("readers", "teams/*", "reveal")
    write("everything", "**", "*")
    return bearer(token_for("people", "readers", identity="user:desk"))


KINDS = ["users", "accounts", "approles", "providers"]


@pytest.mark.parametrize("word", KINDS)
def test_of_whom_may_more_is_made_no_less(client: TestClient, desk: dict[str, str], word: str) -> None:
    one = f"{BASE}/{word}/boss"
    assert client.put(one, json=_of(word, "everything")).is_success
    for policies in ((), ("readers",), ("readers", "people")):
        answer = client.put(one, json=_of(word, *policies), headers=desk)
        assert answer.status_code == 403, answer.text
    assert client.delete(one, headers=desk).status_code == 403
    assert "everything" in client.get(one).text
    assert client.put(one, json=_of(word, "readers")).is_success
    assert client.put(one, json=_of(word, "readers", "people"), headers=desk).is_success
    assert client.delete(one, headers=desk).status_code == 204


def test_who_was_given_back_what_he_had_has_no_password_of_others(client: TestClient, desk: dict[str, str]) -> None:
    boss = f"{BASE}/users/boss"
    assert client.put(boss, json=_of("users", "everything")).is_success
    client.put(boss, json=_of("users", "readers"), headers=desk)
    client.put(f"{boss}/password", json={"password": PASSWORD}, headers=desk)
    assert client.put(boss, json=_of("users", "everything")).is_success  # whoever looks after the list of users
    said = client.post("/api/v1/auth/password/login", json={"name": "boss", "password": PASSWORD})
    assert said.status_code == 401


@pytest.mark.parametrize("word", ["users", "accounts"])
def test_nor_of_whom_a_group_gives_more(client: TestClient, desk: dict[str, str], word: str) -> None:
    one = f"{BASE}/{word}/boss"
    assert client.put(f"{BASE}/groups/bosses", json={"policies": ["everything"]}).is_success
    assert client.put(one, json={"groups": ["bosses"]}).is_success
    assert client.put(one, json={"policies": ["readers"]}, headers=desk).status_code == 403
    assert client.delete(one, headers=desk).status_code == 403


VAULT_DESK = 'path "auth/*" { capabilities = ["create", "read", "update", "delete"] }'


@pytest.fixture
def vault_desk(client: TestClient, desk: dict[str, str], token_for: TokenFor) -> dict[str, str]:
    """Somebody who may do everything beneath ``/v1/auth`` but what takes sudo, and reads."""
    for kind in ("approle", "userpass"):
        assert client.put(f"/v1/sys/auth/{kind}", json={"type": kind}).is_success
    for name, text in {"auth-desk": VAULT_DESK, "of-vault": 'path "kv/*" { capabilities = ["read"] }'}.items():
        assert client.put(f"/v1/sys/policies/acl/{name}", json={"policy": text}).is_success
    return {"Authorization": "", "X-Vault-Token": token_for("auth-desk", "readers")}


@pytest.mark.parametrize(
    ("path", "changes"),
    [
        ("approle/role/boss", {"token_policies": "readers"}),
        ("approle/role/boss", {"token_policies": ""}),
        ("userpass/users/boss", {"token_policies": "readers", "password": PASSWORD}),
        ("userpass/users/boss/policies", {"token_policies": "of-vault"}),
    ],
)
def test_beneath_v1_neither(client: TestClient, vault_desk: dict[str, str], path: str, changes: dict[str, str]) -> None:
    whole, one = "/v1/auth/" + "/".join(path.split("/")[:3]), f"/v1/auth/{path}"
    password = {"password": PASSWORD} if path.startswith("userpass") else {}
    assert client.put(whole, json={"token_policies": "everything", **password}).is_success
    answer = client.put(one, json=changes, headers=vault_desk)
    assert answer.status_code == 403, answer.text
    assert client.delete(whole, headers=vault_desk).status_code == 403
    assert "everything" in client.get(whole).text
    assert client.put(whole, json={"token_policies": "of-vault"}).is_success
    assert client.put(one, json={**changes, "token_policies": "of-vault"}, headers=vault_desk).is_success
    assert client.delete(whole, headers=vault_desk).is_success
