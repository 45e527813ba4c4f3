"""Userpass mounts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from canaries import Plant
from servers.service import Clock

Ask = Callable[..., Any]


@pytest.fixture
def password(ask: Ask, canary: Plant) -> str:
    """The password of the user alice of a mount."""
    made = canary("password")
    assert ask("sys/auth/people", type="userpass").status == 204
    assert ask("auth/people/users/alice", password=made, policies="reader", ttl="10m").status == 204
    return made


def login(ask: Ask, password: str, name: str = "alice") -> Any:
    return ask(f"auth/people/login/{name}", by="", password=password)


def test_whoever_knows_the_password_gets_a_token(ask: Ask, password: str) -> None:
    auth = login(ask, password).auth
    assert (auth["policies"], auth["lease_duration"]) == (["default", "reader"], 600)
    assert auth["metadata"] == {"username": "alice"}
    assert login(ask, password, "ALICE").status == 200


def test_a_wrong_name_and_a_wrong_password_are_refused_alike(ask: Ask, password: str) -> None:
    wrong = [login(ask, password + "x"), login(ask, password, "bob")]
    assert [(answer.status, answer.error) for answer in wrong] == [(400, "invalid username or password")] * 2


def test_guessing_is_stopped_whatever_case_the_name_has(ask: Ask, password: str, clock: Clock) -> None:
    statuses = [login(ask, "guessed-password", name).status for name in ("alice", "Alice", "aLice", "alice ", "ALICE")]
    assert statuses == [400] * 5
    assert login(ask, password).status == 429
    clock.advance(minutes=15)
    assert login(ask, password).status == 200


def test_users_are_listed_read_changed_and_removed(ask: Ask, password: str, canary: Plant) -> None:
    assert ask("auth/people/users", "LIST").data["keys"] == ["alice"]
    token = login(ask, password).auth["client_token"]
    assert ask("auth/people/users/alice/policies", policies=["writer"]).status == 204
    other = canary("other")
    assert ask("auth/people/users/alice/password", password=other).status == 204
    data = ask("auth/people/users/alice", "GET").data
    assert (data["token_policies"], data["token_ttl"]) == (["writer"], 600)
    assert login(ask, password).status == 400
    assert login(ask, other).auth["policies"] == ["default", "writer"]
    assert ask("auth/people/users/alice", "DELETE").status == 204
    assert ask("auth/token/lookup-self", "GET", by=token).status == 403
    assert ask("auth/people/users/alice", "GET").status == 404


def test_a_mount_takes_its_users_along(ask: Ask, password: str) -> None:
    token = login(ask, password).auth["client_token"]
    assert ask("sys/auth/people", "DELETE").status == 204
    assert ask("auth/token/lookup-self", "GET", by=token).status == 403
    assert ask("sys/auth/people", type="userpass").status == 204
    assert login(ask, password).status == 400


@pytest.mark.parametrize(
    "wish", [{"password": "short"}, {}, {"password": "long enough", "policies": ["root"]}, {"password": 1}]
)
def test_what_a_user_cannot_be_is_refused(ask: Ask, password: str, wish: dict[str, Any]) -> None:
    assert ask("auth/people/users/bob", **wish).status == 400


def test_the_policy_says_whether_a_user_may_be_made_or_changed(ask: Ask, password: str) -> None:
    text = 'path "auth/people/users/*" { capabilities = ["create"] }'
    assert ask("sys/policies/acl/hiring", policy=text).status == 204
    token = ask("auth/token/create", policies=["hiring"]).auth["client_token"]
    assert ask("auth/people/users/carol", by=token, password="long enough").status == 204
    assert ask("auth/people/users/carol", by=token, password="long enough").status == 403
