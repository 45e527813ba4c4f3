"""``/api/v1/identities`` and ``/api/v1/auth``: who is known, and how they log in over HTTP."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import Any

import pytest
from servers.kubernetes_api import kubernetes_api
from servers.oidc import OpenIdProvider, browse, open_id_provider
from servers.service import TokenFor, bearer
from starlette.testclient import TestClient
from strongroom_service.identity import passwords
from strongroom_service.policies.policy import Effect, Policy, Rule
from strongroom_service.policies.verbs import Verb
from strongroom_service.service import Service

from .conftest import Clock

BASE = "/api/v1/identities"
AUTH = "/api/v1/auth"
PASSWORD = f"correct {secrets.token_hex(8)} staple"


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "_MEMORY_KIB", 64)
    monkeypatch.setattr(passwords, "_ITERATIONS", 1)
    monkeypatch.setattr(passwords, "_COST", "$argon2id$v=19$m=64,t=1,p=1$")


@pytest.fixture
def issuer(clock: Clock) -> Iterator[OpenIdProvider]:
    with open_id_provider(clock=clock) as running:
        yield running


def may(service: Service, name: str, path: str, *verbs: Verb) -> None:
    service.policies.write(name, Policy(rules=(Rule(effect=Effect.ALLOW, paths=(path,), verbs=verbs),)))


def settings(issuer: OpenIdProvider, **more: Any) -> dict[str, Any]:
    rules = [{"claims": {"email": ["*@example.com"]}, "policies": ["readers"]}]
    return {"type": "oidc", "issuer": issuer.address, "client_id": issuer.client_id, "rules": rules, **more}


EXAMPLES: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "users": ("user", {"full_name": "Alice", "policies": ["readers"]}, {"policies": ["writers"]}),
    "accounts": ("account", {"description": "CI", "groups": ["data"]}, {"disabled": True}),
    "groups": ("group", {"policies": ["readers"]}, {"policies": []}),
    "approles": ("approle", {"token_policies": ["readers"], "token_ttl": 3600}, {"secret_id_uses": 1}),
    "providers": (
        "provider",
        {"settings": {"type": "jwt", "issuer": "https://ci.example.com", "audiences": ["us"]}},
        {"disabled": True, "settings": {"type": "jwt", "issuer": "https://ci.example.com", "audiences": ["us"]}},
    ),
}


@pytest.mark.parametrize("plural", EXAMPLES)
def test_each_is_written_read_changed_and_removed(client: TestClient, plural: str) -> None:
    word, first, second = EXAMPLES[plural]
    one = f"{BASE}/{plural}/etl"
    assert client.get(one).status_code == 404
    made = client.put(one, json=first, headers={"If-None-Match": "*"})
    assert made.status_code == 200, made.text
    told = made.json()[word]
    assert first == {name: told[name] for name in first if name != "settings"} | (
        {"settings": {name: told["settings"][name] for name in first["settings"]}} if "settings" in first else {}
    )
    assert client.put(one, json=first, headers={"If-None-Match": "*"}).status_code == 412
    assert client.put(one, json=second, headers={"If-Match": '"99"'}).status_code == 412
    changed = client.put(one, json=second, headers={"If-Match": made.headers["ETag"]})
    assert changed.json()["version"] == made.json()["version"] + 1
    assert client.get(one).json() == changed.json()
    assert client.get(f"{BASE}/{plural}").json() == {"names": ["etl"], "next": None}
    assert client.delete(one).status_code == 204
    assert client.delete(one).status_code == 404
    assert client.get(f"{BASE}/{plural}").json()["names"] == []


@pytest.mark.parametrize("plural", EXAMPLES)
def test_names_are_listed_to_whom_they_may_be_in_pages(
    client: TestClient, service: Service, token_for: TokenFor, plural: str
) -> None:
    word, first, _ = EXAMPLES[plural]
    for name in ("a1", "a2", "a3", "b1"):
        client.put(f"{BASE}/{plural}/{name}", json=first)
    may(service, "some", f":service/identities/{word}:a*", Verb.LIST)
    some = bearer(token_for("some"))
    page = client.get(f"{BASE}/{plural}", params={"limit": 2}, headers=some).json()
    assert page == {"names": ["a1", "a2"], "next": "a2"}
    assert client.get(f"{BASE}/{plural}", params={"after": "a2"}, headers=some).json()["names"] == ["a3"]


@pytest.mark.parametrize("plural", EXAMPLES)
def test_nobody_gives_an_identity_what_he_does_not_have(
    client: TestClient, service: Service, token_for: TokenFor, plural: str
) -> None:
    word, _, _ = EXAMPLES[plural]
    may(service, "people", ":service/identities/**", Verb.ADMINISTER, Verb.VIEW)
    admin = bearer(token_for("people", "readers"))
    client.put(f"{BASE}/groups/bosses", json={"policies": ["everything"]})

    def body(policy: str) -> dict[str, Any]:
        if word == "provider":
            rule = {"claims": {"sub": ["*"]}, "policies": [policy]}
            return {
                "settings": {"type": "jwt", "issuer": "https://ci.example.com", "audiences": ["us"], "rules": [rule]}
            }
        return {"token_policies" if word == "approle" else "policies": [policy]}

    one = f"{BASE}/{plural}/mine"
    assert client.put(one, json=body("readers"), headers=admin).status_code == 200
    assert client.put(one, json=body("everything"), headers=admin).status_code == 403
    assert client.put(one, json=body("root"), headers=admin).status_code == 400
    assert client.put(one, json=body("root")).status_code == 400
    if word in ("user", "account"):
        assert client.put(one, json={"groups": ["bosses"]}, headers=admin).status_code == 403


def test_nobody_takes_over_somebody_who_may_more(client: TestClient, service: Service, token_for: TokenFor) -> None:
    may(service, "people", ":service/identities/**", Verb.ADMINISTER, Verb.WRITE)
    admin = bearer(token_for("people", "readers"))
    client.put(f"{BASE}/users/boss", json={"policies": ["everything"]})
    client.put(f"{BASE}/users/boss-off", json={"policies": ["everything"], "disabled": True})
    client.put(f"{BASE}/approles/boss", json={"token_policies": ["everything"]})
    client.put(f"{BASE}/users/peer", json={"policies": ["readers"]})
    given = {"password": PASSWORD}
    assert client.put(f"{BASE}/users/peer/password", json=given, headers=admin).status_code == 204
    assert client.put(f"{BASE}/users/boss/password", json=given, headers=admin).status_code == 403
    assert client.put(f"{BASE}/users/boss-off/password", json=given, headers=admin).status_code == 403
    assert client.post(f"{BASE}/approles/boss/secret-ids", json={}, headers=admin).status_code == 403


def test_a_user_logs_in_and_changes_his_password(client: TestClient, service: Service) -> None:
    client.put(f"{BASE}/users/alice", json={"policies": ["readers"]})
    assert client.get(f"{BASE}/users/alice").json()["has_password"] is False
    assert client.put(f"{BASE}/users/alice/password", json={"password": PASSWORD}).status_code == 204
    assert client.get(f"{BASE}/users/alice").json()["has_password"] is True
    said = client.post(f"{AUTH}/password/login", json={"name": " Alice", "password": PASSWORD}, headers=bearer("-"))
    assert said.json()["about"]["identity"] == "user:alice"
    own = bearer(said.json()["token"])
    change = {"current": PASSWORD, "new": "another long password"}
    assert client.post(f"{AUTH}/password/change", json={**change, "current": "x"}, headers=own).status_code == 401
    assert client.post(f"{AUTH}/password/change", json=change, headers=own).status_code == 204
    assert client.get("/api/v1/tokens/self", headers=own).status_code == 401
    assert client.post(f"{AUTH}/password/change", json=change).status_code == 403
    assert client.delete(f"{BASE}/users/alice/password").status_code == 204
    given = {"name": "alice", "password": "another long password"}
    again = client.post(f"{AUTH}/password/login", json=given, headers=bearer("-"))
    assert again.status_code == 401
    log = [(entry.actor, entry.action, entry.outcome, entry.message) for entry in service.workspaces.own.audit()]
    accessor = said.json()["about"]["accessor"]
    assert any(line[:3] == (f"user:alice#{accessor}", "login", "done") for line in log)
    assert any(line[:3] == ("anonymous", "login", "Unauthenticated") and "wrong password" in line[3] for line in log)
    assert PASSWORD not in str(log)


def test_guesses_are_answered_alike_and_stopped(client: TestClient) -> None:
    client.put(f"{BASE}/users/alice", json={})
    client.put(f"{BASE}/users/alice/password", json={"password": PASSWORD})
    answers = {}
    for name in ("alice", "nobody"):
        guesses = [client.post(f"{AUTH}/password/login", json={"name": name, "password": "guess"}) for _ in range(6)]
        assert [guess.status_code for guess in guesses] == [401] * 5 + [429]
        assert int(guesses[5].headers["Retry-After"]) > 800
        answers[name] = [{**guess.json()["error"], "request_id": ""} for guess in guesses]
    assert answers["alice"] == answers["nobody"]


def test_a_machine_logs_in(client: TestClient) -> None:
    client.put(f"{BASE}/approles/etl", json={"token_policies": ["readers"], "secret_id_uses": 1})
    made = client.post(f"{BASE}/approles/etl/secret-ids", json={"ttl_seconds": 60, "metadata": {"host": "a"}}).json()
    assert [one["accessor"] for one in client.get(f"{BASE}/approles/etl/secret-ids").json()["secret_ids"]] == [
        made["about"]["accessor"]
    ]
    given = {"role_id": made["role_id"], "secret_id": made["secret_id"]}
    said = client.post(f"{AUTH}/approle/login", json=given, headers=bearer("-"))
    assert said.json()["about"]["policies"] == ["default", "readers"]
    assert client.post(f"{AUTH}/approle/login", json=given).status_code == 401
    other = client.post(f"{BASE}/approles/etl/secret-ids", json={}).json()
    assert client.delete(f"{BASE}/approles/etl/secret-ids/{other['about']['accessor']}").status_code == 204
    assert client.get(f"{BASE}/approles/etl/secret-ids").json() == {"secret_ids": []}


def test_somebody_signs_in_with_a_browser(client: TestClient, issuer: OpenIdProvider) -> None:
    told = client.put(f"{BASE}/providers/id", json={"settings": settings(issuer, client_secret=issuer.client_secret)})
    assert told.json()["has_secret"] is True
    assert issuer.client_secret not in told.text + client.get(f"{BASE}/providers/id").text
    assert client.get(f"{AUTH}/methods").json() == {"providers": [{"name": "id", "type": "oidc"}]}
    started = client.post(f"{AUTH}/oidc/id/start", json={"redirect_uri": "http://127.0.0.1:4000/callback"}).json()
    back = browse(started["url"])
    finish = {"state": back["state"], "secret": started["secret"], "code": back["code"], "issuer": back["iss"]}
    said = client.post(f"{AUTH}/oidc/id/finish", json=finish, headers=bearer("-"))
    assert said.json()["about"]["identity"] == "oidc:id/alice"
    assert client.post(f"{AUTH}/oidc/id/finish", json=finish).status_code == 401


def test_a_secret_that_is_not_given_stays_with_whom_it_is_for(
    client: TestClient, service: Service, issuer: OpenIdProvider
) -> None:
    one = f"{BASE}/providers/id"
    client.put(one, json={"settings": settings(issuer, client_secret=issuer.client_secret)})
    assert client.put(one, json={"settings": settings(issuer, scopes=["openid"])}).json()["has_secret"] is True
    elsewhere = {**settings(issuer), "issuer": "https://attacker.example.com"}
    assert client.put(one, json={"settings": elsewhere}).json()["has_secret"] is False


@pytest.mark.parametrize(
    "change",
    [
        {"issuer": "http://id.example.com"},
        {"issuer": "file:///etc/passwd"},
        {"ca": "/etc/passwd\n" * 10_000},
        {"ca": "/etc/passwd"},
        {"ca": "-----BEGIN CERTIFICATE-----\n…\n-----END CERTIFICATE-----"},
        {"ca": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"},
        {"rules": [{"claims": {}, "policies": ["readers"]}]},
        {"token_bounds": ["everywhere"]},
        {"path": "/etc/passwd"},
    ],
)
def test_a_provider_is_asked_over_tls_and_named_by_no_path(
    client: TestClient, issuer: OpenIdProvider, change: dict[str, Any]
) -> None:
    assert client.put(f"{BASE}/providers/id", json={"settings": {**settings(issuer), **change}}).status_code == 400


def test_a_pod_logs_in(client: TestClient) -> None:
    with kubernetes_api() as cluster:
        cluster.reviewers.add("reviewer")
        cluster.accounts["pod"] = ("system:serviceaccount:prod:etl", "uid", ["us"])
        rule = {"claims": {"namespace": ["prod"]}, "policies": ["readers"]}
        provider = {
            "type": "kubernetes",
            "api": cluster.address,
            "reviewer_token": "reviewer",
            "audiences": ["us"],
            "rules": [rule],
        }
        assert client.put(f"{BASE}/providers/prod", json={"settings": provider}).json()["has_secret"] is True
        said = client.post(f"{AUTH}/kubernetes/prod/login", json={"token": "pod"}, headers=bearer("-"))
        assert said.json()["about"]["identity"] == "kubernetes:prod/prod/etl"
        assert client.post(f"{AUTH}/jwt/prod/login", json={"token": "pod"}).status_code == 401
        cluster.reviewers.clear()
        assert client.post(f"{AUTH}/kubernetes/prod/login", json={"token": "pod"}).status_code == 502


@pytest.mark.parametrize("name", ["Alice", "al ice", "..", "a%2Fb", "-a", "x" * 200])
def test_what_is_no_name_names_nobody(client: TestClient, name: str) -> None:
    assert client.put(f"{BASE}/users/{name}", json={}).status_code in (400, 404)


@pytest.mark.parametrize(
    "issuer",
    [
        "https://[",
        "https://a]b",
        "https://x:port",
        "https://",
        "http://elsewhere.test",
        "https://me@id.test",
        "ftp://id.test",
    ],
)
def test_an_issuer_that_is_no_address_is_refused(client: TestClient, issuer: str) -> None:
    settings = {"type": "jwt", "issuer": issuer, "audiences": ["us"]}
    answer = client.put("/api/v1/identities/providers/ci", json={"settings": settings})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_request")
