"""Nobody is his own second person: not by a password that he set, a provider that he made, or a role of anybody."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey
from servers.service import TokenFor, bearer
from starlette.testclient import TestClient
from strongroom_service.identity import passwords
from strongroom_service.service import Service

BASE = "/api/v1/identities"
FIRST, OWN = (f"correct {secrets.token_hex(8)} staple" for _ in range(2))
Headers = dict[str, str]
PEOPLE = ["writers", "approvers", "people"]


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "_MEMORY_KIB", 64)
    monkeypatch.setattr(passwords, "_ITERATIONS", 1)
    monkeypatch.setattr(passwords, "_COST", "$argon2id$v=19$m=64,t=1,p=1$")


@pytest.fixture
def person(client: TestClient, token_for: TokenFor) -> Callable[[str], Headers]:
    """Somebody who writes what is protected, approves such changes, and looks after identities."""
    rules = {"writers": ("default/**", ["write"]), "approvers": (), "people": (":service/**", ["administer", "write"])}
    for name, pair in rules.items():
        allow = [{"effect": "allow", "paths": [pair[0]], "verbs": pair[1]}] if pair else []
        deny = [{"effect": "deny", "paths": [":service/tokens"], "verbs": ["administer"]}] if name == "people" else []
        assert client.put(f"/api/v1/policies/{name}", json={"rules": allow + deny}).is_success
    protection = {"paths": ["default/prod-*"], "approvers": "approvers"}
    assert client.put("/api/v1/protections/prod", json=protection).is_success
    return lambda name: bearer(token_for(*PEOPLE, identity=f"user:{name}"))


def asked(client: TestClient, who: Headers) -> str:
    body = {"type": "t", "schema": "1", "payload": "e30=", "overwrite": True, "message": secrets.token_hex(4)}
    answer = client.put("/api/v1/workspaces/default/documents/prod-db", json=body, headers=who)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["approval"])


def approved(client: TestClient, who: Headers, id: str) -> int:
    return client.post(f"/api/v1/approvals/{id}/approve", headers=who).status_code


def logged_in(client: TestClient, path: str, **body: Any) -> Headers:
    said = client.post(path, json=body, headers={"Authorization": ""})
    assert said.status_code == 200, said.text
    told = said.json()
    return bearer(told["token"] if "token" in told else told["auth"]["client_token"])


def signed_in(client: TestClient, password: str) -> Headers:
    return logged_in(client, "/api/v1/auth/password/login", name="sock", password=password)


def test_nobody_is_another_one_whose_password_he_set(client: TestClient, person: Callable[[str], Headers]) -> None:
    alice, bob = person("alice"), person("bob")
    id = asked(client, alice)
    sock = f"{BASE}/users/sock"
    assert client.put(sock, json={"policies": PEOPLE}, headers=alice).is_success
    assert client.put(f"{sock}/password", json={"password": FIRST}, headers=alice).is_success
    by_sock = signed_in(client, FIRST)
    assert approved(client, by_sock, id) == 403
    change = {"current": FIRST, "new": OWN}
    assert client.post("/api/v1/auth/password/change", json=change, headers=by_sock).status_code == 204
    by_sock = signed_in(client, OWN)
    assert approved(client, by_sock, id) == 403  # alice could have changed it, as she knew the first one
    assert approved(client, alice, asked(client, by_sock)) == 403
    assert approved(client, by_sock, asked(client, bob)) == 200
    assert client.put(f"{sock}/password", json={"password": FIRST}).is_success  # root
    assert approved(client, signed_in(client, FIRST), id) == 200


def test_nor_at_a_mount_of_vaults_api(
    client: TestClient, person: Callable[[str], Headers], token_for: TokenFor
) -> None:
    assert client.put("/v1/sys/auth/userpass", json={"type": "userpass"}).is_success
    text = 'path "auth/userpass/*" { capabilities = ["create", "update"] }'
    assert client.put("/v1/sys/policies/acl/of-vault", json={"policy": text}).is_success
    person("alice")
    token = token_for(*PEOPLE, "of-vault", identity="user:alice")
    alice, of_vault = bearer(token), {"Authorization": "", "X-Vault-Token": token}
    sock, body = "/v1/auth/userpass/users/sock", {"password": FIRST, "token_policies": ",".join(PEOPLE)}
    assert client.put(sock, json=body, headers=of_vault).is_success
    login = "/v1/auth/userpass/login/sock"
    assert approved(client, logged_in(client, login, password=FIRST), asked(client, alice)) == 403
    assert client.put(f"{sock}/password", json={"password": FIRST}).is_success
    assert approved(client, logged_in(client, login, password=FIRST), asked(client, alice)) == 200


def test_nobody_is_whom_his_own_provider_vouches_for(client: TestClient, person: Callable[[str], Headers]) -> None:
    key = ECKey.generate_key("P-256", parameters={"kid": "k"})
    settings = {
        "type": "jwt",
        "issuer": "https://ci.example.com",
        "audiences": ["us"],
        "jwks": '{"keys": [' + str(key.as_dict(private=False)).replace("'", '"') + "]}",
        "rules": [{"claims": {"sub": ["*"]}, "policies": PEOPLE}],
    }
    alice, bob = person("alice"), person("bob")
    one = f"{BASE}/providers/ci"
    now = int(time.mktime((2026, 3, 4, 5, 6, 7, 0, 0, 0)))
    claims = {"iss": settings["issuer"], "aud": "us", "sub": "someone", "exp": now + 86400 * 2, "iat": now - 86400 * 2}
    token = jwt.encode({"alg": "ES256", "kid": "k"}, claims, key)
    id = asked(client, alice)
    for writer, status in ((alice, 403), (bob, 200)):
        put = client.put(one, json={"settings": settings}, headers=writer)
        assert put.is_success, put.text
        assert "makers" not in put.text
        assert approved(client, logged_in(client, "/api/v1/auth/jwt/ci/login", token=token), id) == status


def test_nobody_in_particular_is_a_role_without_secret_ids(
    client: TestClient, person: Callable[[str], Headers], service: Service
) -> None:
    alice, bob = person("alice"), person("bob")
    role = {"token_policies": PEOPLE, "bind_secret_id": False, "secret_id_bounds": ["0.0.0.0/0", "::/0"]}
    made = service.logins.app_roles
    assert client.put(f"{BASE}/approles/etl", json=role).is_success  # root
    role_id = made.found("etl").value.role_id
    issued = made.login(role_id, "", "10.0.0.1")
    etl = bearer(issued.token.text)
    assert approved(client, etl, asked(client, alice)) == 403
    assert approved(client, bob, asked(client, etl)) == 403
