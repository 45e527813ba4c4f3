"""A login that is being worked on while somebody is removed or gets another password leaves nothing behind: no token
that a later one of the name would be, and no password."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

import pytest
from servers.service import bearer
from starlette.testclient import TestClient
from strongroom_service.identity import app_roles, logins, passwords
from strongroom_service.service import Service

BASE = "/api/v1/identities"
ALICE = f"{BASE}/users/alice"
OLD, NEW = (f"correct {secrets.token_hex(8)} staple" for _ in range(2))
Meanwhile = Callable[..., None]


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "_MEMORY_KIB", 64)
    monkeypatch.setattr(passwords, "_ITERATIONS", 1)
    monkeypatch.setattr(passwords, "_COST", "$argon2id$v=19$m=64,t=1,p=1$")


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Meanwhile:
    """Have something be done once, right after a function was called the next time."""

    def arranged(module: Any, name: str, do: Callable[[], object]) -> None:
        real, waiting = getattr(module, name), [do]

        def called(*args: Any, **more: Any) -> Any:
            answer = real(*args, **more)
            if waiting:
                waiting.pop()()
            return answer

        monkeypatch.setattr(module, name, called)

    return arranged


@pytest.fixture
def alice(client: TestClient) -> None:
    assert client.put(ALICE, json={"policies": ["readers"]}).is_success
    assert client.put(f"{ALICE}/password", json={"password": OLD}).is_success


def logged_in(client: TestClient, password: str) -> int:
    answer = client.post("/api/v1/auth/password/login", json={"name": "alice", "password": password})
    return answer.status_code


def live(service: Service) -> list[str]:
    return [record.identity for _, record in service.tokens.page() if record.identity != "root"]


def removed(client: TestClient) -> None:
    assert client.delete(ALICE).status_code == 204


def made_anew(client: TestClient) -> None:
    assert client.put(ALICE, json={"policies": ["everything"]}).is_success


@pytest.mark.usefixtures("alice")
def test_nobody_logs_in_as_whom_was_removed_meanwhile(
    client: TestClient, service: Service, meanwhile: Meanwhile
) -> None:
    meanwhile(passwords, "_is_made_of", lambda: removed(client))
    assert logged_in(client, OLD) == 401
    made_anew(client)
    assert live(service) == []


@pytest.mark.usefixtures("alice")
def test_nobody_logs_in_as_a_later_one_of_the_name(client: TestClient, service: Service, meanwhile: Meanwhile) -> None:
    meanwhile(passwords, "_is_made_of", lambda: (removed(client), made_anew(client)))
    assert logged_in(client, OLD) == 401
    assert live(service) == []


@pytest.mark.usefixtures("alice")
@pytest.mark.parametrize("cost", ["$argon2id$v=19$m=64,t=1,p=1$", "$argon2id$v=19$m=64,t=9,p=1$"])
def test_nobody_logs_in_with_a_password_that_was_replaced_meanwhile(
    client: TestClient, service: Service, meanwhile: Meanwhile, monkeypatch: pytest.MonkeyPatch, cost: str
) -> None:
    """With another cost, the hash would be renewed on the way, and the former password with it."""
    meanwhile(passwords, "_is_made_of", lambda: client.put(f"{ALICE}/password", json={"password": NEW}))
    monkeypatch.setattr(passwords, "_COST", cost)
    assert logged_in(client, OLD) == 401
    assert live(service) == []
    assert [logged_in(client, password) for password in (OLD, NEW)] == [401, 200]


@pytest.mark.usefixtures("alice")
@pytest.mark.parametrize("whose", ["his own", "of others"])
def test_no_password_stays_of_whom_was_removed_meanwhile(
    client: TestClient, service: Service, meanwhile: Meanwhile, whose: str
) -> None:
    said = client.post("/api/v1/auth/password/login", json={"name": "alice", "password": OLD})
    own = bearer(said.json()["token"])
    meanwhile(passwords, "hashed", lambda: removed(client))
    if whose == "his own":
        body = {"current": OLD, "new": NEW}
        answer = client.post("/api/v1/auth/password/change", json=body, headers=own)
    else:
        answer = client.put(f"{ALICE}/password", json={"password": NEW})
    assert answer.status_code >= 400
    made_anew(client)
    assert [logged_in(client, password) for password in (OLD, NEW)] == [401, 401]
    assert client.get(ALICE).json()["has_password"] is False


def test_a_password_that_was_left_behind_is_nobodys(client: TestClient, service: Service) -> None:
    """A process that died between the removal of a user and that of the password leaves one."""
    service.directory.put(
        "password", "alice", passwords.PasswordRecord(phc=passwords.hashed(OLD), changed=service.now())
    )
    made_anew(client)
    assert logged_in(client, OLD) == 401


def test_no_machine_logs_in_as_a_role_that_was_removed_meanwhile(
    client: TestClient, service: Service, meanwhile: Meanwhile
) -> None:
    role = f"{BASE}/approles/etl"
    wide = {"token_policies": ["everything"], "bind_secret_id": False, "token_bounds": ["0.0.0.0/0", "::/0"]}
    role_id = client.put(role, json=wide).json()["role_id"]
    meanwhile(app_roles, "admits", lambda: client.delete(role))
    answer = client.post("/api/v1/auth/approle/login", json={"role_id": role_id}, headers={"Authorization": ""})
    assert answer.status_code == 401
    assert client.put(role, json={"token_policies": ["readers"]}).is_success
    assert live(service) == []


@pytest.mark.parametrize("then", ["removed", "made anew"])
def test_nobody_logs_in_at_a_mount_as_whom_was_removed_meanwhile(
    client: TestClient, service: Service, meanwhile: Meanwhile, then: str
) -> None:
    assert client.put("/v1/sys/auth/userpass", json={"type": "userpass"}).is_success
    user, first = "/v1/auth/userpass/users/alice", {"password": OLD, "token_policies": "a"}
    assert client.put(user, json=first).is_success

    def change() -> None:
        client.delete(user)
        if then == "made anew":
            client.put(user, json={"password": NEW, "token_policies": "b"})

    meanwhile(passwords, "_is_made_of", change)
    login = "/v1/auth/userpass/login/alice"
    assert client.post(login, json={"password": OLD}, headers={"Authorization": ""}).status_code == 400
    client.put(user, json=first)
    assert live(service) == []


@pytest.mark.parametrize("then", ["removed", "changed", "disabled"])
def test_nobody_logs_in_by_a_provider_that_is_another_one_meanwhile(
    client: TestClient, service: Service, meanwhile: Meanwhile, monkeypatch: pytest.MonkeyPatch, then: str
) -> None:
    one = f"{BASE}/providers/ci"
    settings: dict[str, Any] = {"type": "jwt", "issuer": "https://ci.example.com", "audiences": ["us"]}
    rule = {"claims": {"sub": ["*"]}, "policies": ["everything"]}
    assert client.put(one, json={"settings": {**settings, "rules": [rule]}}).is_success
    monkeypatch.setattr(logins, "jwt_claims", lambda *_: {"sub": "etl"})
    narrow = {"settings": {**settings, "rules": [{**rule, "policies": ["readers"]}]}}
    change = {
        "removed": lambda: (client.delete(one), client.put(one, json=narrow)),
        "changed": lambda: client.put(one, json=narrow),
        "disabled": lambda: client.put(one, json={"settings": {**settings, "rules": [rule]}, "disabled": True}),
    }
    meanwhile(logins, "jwt_claims", change[then])
    answer = client.post("/api/v1/auth/jwt/ci/login", json={"token": "t"}, headers={"Authorization": ""})
    assert answer.status_code == 401
    assert live(service) == []
