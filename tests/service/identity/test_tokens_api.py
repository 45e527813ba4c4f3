"""``/api/v1/tokens``: who makes tokens with what, and who sees and ends which."""

from __future__ import annotations

from typing import Any

import pytest
from servers.service import TokenFor, bearer
from starlette.testclient import TestClient
from strongroom_service.identity.people import Account
from strongroom_service.identity.token import Token
from strongroom_service.policies.policy import Effect, Policy, Rule
from strongroom_service.policies.verbs import Verb
from strongroom_service.service import Service

from .conftest import Clock

BASE = "/api/v1/tokens"


def allow(service: Service, name: str, path: str, *verbs: Verb, effect: Effect = Effect.ALLOW) -> None:
    service.policies.write(name, Policy(rules=(Rule(effect=effect, paths=(path,), verbs=verbs),)))


@pytest.fixture
def maker(service: Service, token_for: TokenFor) -> dict[str, str]:
    """Somebody who may make tokens, and read."""
    allow(service, "makers", ":service/tokens", Verb.WRITE)
    allow(service, "readers", "analytics/*", Verb.VIEW)
    return bearer(token_for("makers", "readers", "default", identity="user:maker"))


def actions(service: Service) -> list[tuple[str, str, str, str]]:
    return [(entry.actor, entry.action, entry.outcome, entry.message) for entry in service.workspaces.own.audit()]


def test_a_token_is_made_used_seen_renewed_and_revoked(client: TestClient, clock: Clock) -> None:
    made = client.post(BASE, json={"policies": ["readers"], "name": "grafana", "ttl_seconds": 3600}).json()
    about = made["about"]
    assert made["token"].startswith("srt_")
    assert made["token"][4:16] == about["accessor"]
    assert about["policies"] == ["default", "readers"]
    assert about["identity"] == f"token:{about['accessor']}"
    own = client.get(f"{BASE}/self", headers=bearer(made["token"])).json()
    assert own == about
    clock.forward(minutes=30)
    renewed = client.post(f"{BASE}/self/renew", json={}, headers=bearer(made["token"])).json()
    assert renewed["expires"] > about["expires"]
    assert client.get(f"{BASE}/{about['accessor']}").json() == renewed
    assert client.post(f"{BASE}/lookup", json={"token": made["token"]}).json() == renewed
    assert client.delete(f"{BASE}/self", headers=bearer(made["token"])).json() == {"ended": 1}
    assert client.get(f"{BASE}/self", headers=bearer(made["token"])).status_code == 401
    assert client.get(f"{BASE}/{about['accessor']}").status_code == 404


def test_whoever_makes_tokens_gives_no_more_than_he_has(client: TestClient, maker: dict[str, str]) -> None:
    assert client.post(BASE, json={"policies": ["readers"]}, headers=maker).status_code == 201
    assert client.post(BASE, json={}, headers=maker).json()["about"]["policies"] == ["makers", "readers", "default"]
    for more in (["writers"], ["root"], ["readers", "writers"]):
        refused = client.post(BASE, json={"policies": more}, headers=maker)
        assert (refused.status_code, refused.json()["error"]["code"]) == (403, "forbidden")
    assert client.post(BASE, json={"policies": ["readers"], "period_seconds": 60}, headers=maker).status_code == 403
    assert client.post(BASE, json={"policies": ["readers"], "orphan": True}, headers=maker).status_code == 403
    assert client.post(BASE, json={"policies": ["readers"], "account": "ci"}, headers=maker).status_code == 403


@pytest.mark.parametrize("name", ["Root", "ROOT", "root ", "rооt", "ＲＯＯＴ", "root\u200b"])
def test_no_other_way_to_write_root_is_a_way_to_root(client: TestClient, maker: dict[str, str], name: str) -> None:
    assert client.post(BASE, json={"policies": [name]}, headers=maker).status_code in (400, 403)


def test_what_is_denied_to_the_parent_is_denied_to_its_children(
    client: TestClient, service: Service, token_for: TokenFor
) -> None:
    allow(service, "makers", ":service/tokens", Verb.WRITE)
    allow(service, "no-prod", "analytics/prod", Verb.VIEW, effect=Effect.DENY)
    parent = bearer(token_for("makers", "no-prod", "default"))
    refused = client.post(BASE, json={"policies": ["makers"]}, headers=parent)
    assert refused.status_code == 403
    assert "no-prod" in refused.json()["error"]["message"]


def test_who_administers_tokens_gives_more_but_not_root(
    client: TestClient, service: Service, token_for: TokenFor
) -> None:
    allow(service, "admins", ":service/tokens", Verb.WRITE, Verb.ADMINISTER)
    admin = bearer(token_for("admins", "default"))
    made = client.post(BASE, json={"policies": ["writers"], "period_seconds": 60, "orphan": True}, headers=admin)
    assert made.json()["about"]["parent"] is None
    assert client.post(BASE, json={"policies": ["root"]}, headers=admin).status_code == 403


def test_a_token_for_an_account_goes_with_it(client: TestClient, service: Service) -> None:
    service.directory.put("account", "ci", Account(policies=("deploy",)))
    made = client.post(BASE, json={"account": "ci", "ttl_seconds": 3600}).json()
    assert made["about"]["identity"] == "account:ci"
    assert made["about"]["policies"] == ["default", "deploy"]
    assert made["about"]["parent"] is None
    narrow = client.post(BASE, json={"account": "ci", "policies": ["deploy", "writers"]}).json()
    assert narrow["about"]["policies"] == ["default", "deploy"]
    assert client.post(BASE, json={"account": "nobody"}).status_code == 404
    assert client.delete("/api/v1/identities/accounts/ci").status_code == 204
    assert client.get(f"{BASE}/self", headers=bearer(made["token"])).status_code == 401


def test_tokens_are_listed_in_pages_without_their_texts(client: TestClient) -> None:
    made = [client.post(BASE, json={"name": f"n{number}"}).json() for number in range(5)]
    seen: list[str] = []
    after = ""
    while True:
        page = client.get(BASE, params={"after": after, "limit": 2})
        assert not any(one["token"] in page.text for one in made)
        seen += [token["accessor"] for token in page.json()["tokens"]]
        after = page.json()["next"]
        if after is None:
            break
    assert seen == sorted(seen)
    assert {one["about"]["accessor"] for one in made} < set(seen)
    assert len(seen) == 6


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "", None),
        ("POST", "", {}),
        ("POST", "/lookup", {"token": "x"}),
        ("GET", "/abcdefghijkl", None),
        ("POST", "/abcdefghijkl/renew", {}),
        ("DELETE", "/abcdefghijkl", None),
    ],
)
def test_who_may_nothing_learns_nothing(
    client: TestClient, token_for: TokenFor, method: str, path: str, body: Any
) -> None:
    nobody = bearer(token_for("default"))
    assert client.request(method, BASE + path, json=body, headers=nobody).status_code == 403


@pytest.mark.parametrize(("method", "path"), [("GET", ""), ("POST", "/renew"), ("DELETE", "")])
def test_a_token_without_the_default_policy_is_not_even_its_own(
    client: TestClient, token_for: TokenFor, method: str, path: str
) -> None:
    bare = bearer(token_for("readers"))
    assert client.request(method, f"{BASE}/self{path}", json={}, headers=bare).status_code == 403


def test_the_audit_tells_who_made_which_token_and_what_was_refused(
    client: TestClient, service: Service, maker: dict[str, str]
) -> None:
    made = client.post(BASE, json={"policies": ["readers"]}, headers=maker).json()
    wrong = Token(made["about"]["accessor"], bytes(32)).text
    client.delete(f"{BASE}/self", headers=bearer(made["token"]))
    client.get(f"{BASE}/self", headers=bearer(made["token"]))
    client.get(f"{BASE}/self", headers=bearer(wrong))
    found = actions(service)
    accessor = made["about"]["accessor"]
    assert any(actor.startswith("user:maker#") and action == "create-token" for actor, action, _, _ in found)
    assert any(actor == f"user:maker#{accessor}" and action == "revoke-token" for actor, action, _, _ in found)
    assert any(f"token {accessor} of user:maker: revoked" in message for _, _, _, message in found)
    assert any("token: unknown" in message for _, _, _, message in found)
    assert made["token"][16:] not in str(found)


@pytest.mark.parametrize(
    "body",
    [
        {"ttl_seconds": 0},
        {"ttl_seconds": 10**12},
        {"uses": 0},
        {"networks": ["10.0.0.1/8"]},
        {"networks": ["nowhere"]},
        {"policies": ["../root"]},
        {"no_default_policy": True},
        {"unknown": 1},
        {"metadata": {"a": "b\nc"}},
    ],
)
def test_nonsense_is_refused_without_repeating_it(client: TestClient, body: dict[str, Any]) -> None:
    answer = client.post(BASE, json=body)
    assert answer.status_code == 400
    assert "nowhere" not in answer.text
