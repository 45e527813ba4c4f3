"""Answers in a wrap, and the routes of wraps."""

from __future__ import annotations

from typing import Any

import pytest
from servers.service import TokenFor, bearer
from starlette.testclient import TestClient
from strongroom_service.service import Service

WRAP = {"Strongroom-Wrap-TTL": "5m"}


def unwrap(client: TestClient, token: str, **headers: str) -> Any:
    return client.post("/api/v1/wraps/unwrap", json={"token": token}, headers=headers)


def test_the_answer_of_any_route_is_wrapped(client: TestClient) -> None:
    client.put("/api/v1/policies/reader", json={"rules": []})
    plain = client.get("/api/v1/policies/reader").json()
    wrapped = client.get("/api/v1/policies/reader", headers=WRAP)
    info = wrapped.json()["wrap_info"]
    assert set(wrapped.json()) == {"wrap_info"}
    assert info["creation_path"] == "/api/v1/policies/reader"
    assert info["ttl_seconds"] == 300
    assert unwrap(client, info["token"]).json()["value"] == plain
    again = unwrap(client, info["token"])
    assert again.status_code == 409
    assert again.json()["error"]["code"] == "wrap_opened"
    assert "testclient" in again.json()["error"]["message"]


def test_a_refusal_is_not_wrapped(client: TestClient) -> None:
    assert client.get("/api/v1/policies/absent", headers=WRAP).json()["error"]["code"] == "unknown_thing"


@pytest.mark.parametrize("ttl", ["-1", "x", "1y", "100000h", "0.5s", "5m\0"])
def test_a_ttl_that_is_none_is_refused_before_anything_is_done(client: TestClient, ttl: str) -> None:
    answer = client.put("/api/v1/policies/p", json={"rules": []}, headers={"Strongroom-Wrap-TTL": ttl})
    assert answer.status_code == 400
    assert client.get("/api/v1/policies/p").status_code == 404


def test_an_answer_without_a_body_stays_as_it_is(client: TestClient) -> None:
    client.put("/api/v1/policies/p", json={"rules": []})
    answer = client.delete("/api/v1/policies/p", headers=WRAP)
    assert (answer.status_code, answer.content) == (204, b"")


def test_the_wrapping_token_alone_opens_it(client: TestClient, token_for: TokenFor, canary) -> None:
    secret = canary("wrapped")
    made = client.post("/api/v1/wraps", json={"value": {"password": secret}, "ttl_seconds": 60})
    assert made.status_code == 201
    token = made.json()["token"]
    client.headers.pop("Authorization")
    assert client.post("/api/v1/wraps", json={"value": 1}).status_code == 401
    looked = client.post("/api/v1/wraps/lookup", json={"token": token}).json()
    assert looked == {**made.json(), "token": ""}
    other = client.post("/api/v1/wraps/rewrap", json={"token": token}).json()["token"]
    assert unwrap(client, token).status_code == 409
    assert unwrap(client, other).json()["value"] == {"password": secret}


def test_wrapping_takes_a_right_of_its_own(client: TestClient, token_for: TokenFor) -> None:
    nobody = bearer(token_for("default"))
    assert client.post("/api/v1/wraps", json={"value": 1}, headers=nobody).status_code in (201, 403)
    client.put(
        "/api/v1/policies/wrapper",
        json={"rules": [{"effect": "allow", "paths": [":service/wraps"], "verbs": ["write"]}]},
    )
    answer = client.post("/api/v1/wraps", json={"value": 1}, headers=bearer(token_for("wrapper")))
    assert answer.status_code == 201


@pytest.mark.parametrize(
    "body", [{}, {"token": ""}, {"token": 7}, {"token": "x" * 10_000}, {"token": "srw_", "more": 1}]
)
def test_bodies_that_are_none(client: TestClient, body: dict[str, Any]) -> None:
    assert unwrap(client, "").status_code == 400
    for path in ("lookup", "unwrap", "rewrap"):
        assert client.post(f"/api/v1/wraps/{path}", json=body).status_code in (400, 404)


def test_the_audit_says_who_tried_again(service: Service, client: TestClient) -> None:
    token = client.post("/api/v1/wraps", json={"value": 1}).json()["token"]
    unwrap(client, token)
    unwrap(client, token)
    found = [entry for entry in service.workspaces.own.audit() if entry.action == "wrap_replayed"]
    assert len(found) == 1
    assert found[0].message.count("from testclient") == 3  # who was first, who came later, and the request itself
    assert [entry.action for entry in service.workspaces.own.audit() if entry.outcome == "WrapOpened"] == [
        "wrap_replayed"
    ]


def test_who_asks_in_the_wrong_words_is_not_given_the_secret(client: TestClient) -> None:
    assert client.get("/api/v1/policies", headers={"X-Vault-Wrap-TTL": "60"}).status_code == 400
    assert client.get("/v1/sys/policy", headers={"Strongroom-Wrap-TTL": "60"}).status_code == 400
    assert client.head("/api/v1/policies", headers=WRAP).status_code == 400


def test_vaults_answers_are_wrapped_in_its_shape(client: TestClient) -> None:
    answer = client.get("/v1/auth/token/lookup-self", headers={"X-Vault-Wrap-TTL": "2m"}).json()
    info = answer.pop("wrap_info")
    assert answer["data"] is None
    assert (info["ttl"], info["creation_path"]) == (120, "auth/token/lookup-self")
    opened = unwrap(client, info["token"]).json()["value"]
    assert opened["data"]["path"]
    assert opened["wrap_info"] is None
