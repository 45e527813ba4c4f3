"""AppRole mounts: what hvac's tests leave out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from canaries import Plant
from servers.service import Clock
from strongroom_service.service import Service

Ask = Callable[..., Any]


@pytest.fixture
def role(ask: Ask) -> str:
    """The path of a role of a mount."""
    assert ask("sys/auth/machines", type="approle").status == 204
    assert ask("auth/machines/role/ETL", token_policies=["reader"], token_ttl="10m").status == 204
    return "auth/machines/role/etl"


def login(ask: Ask, role: str, **secret: Any) -> Any:
    return ask("auth/machines/login", by="", role_id=ask(f"{role}/role-id", "GET").data["role_id"], **secret)


def test_a_machine_logs_in_without_a_token(ask: Ask, role: str) -> None:
    secret = ask(f"{role}/secret-id", metadata='{"host": "a"}').data["secret_id"]
    auth = login(ask, role, secret_id=secret).auth
    assert (auth["policies"], auth["lease_duration"]) == (["default", "reader"], 600)
    assert auth["metadata"] == {"role_name": "etl", "host": "a"}
    data = ask("auth/token/lookup-self", "GET", by=auth["client_token"]).data
    assert (data["path"], data["orphan"]) == ("auth/machines/login", True)


def test_a_wrong_secret_id_and_a_wrong_role_id_are_refused_alike(ask: Ask, role: str) -> None:
    secret = ask(f"{role}/secret-id").data["secret_id"]
    wrong = [login(ask, role, secret_id="x"), ask("auth/machines/login", by="", role_id="x", secret_id=secret)]
    assert [(answer.status, answer.error) for answer in wrong] == [(400, "invalid role or secret ID")] * 2


def test_a_secret_id_is_used_up_expires_and_is_destroyed(ask: Ask, role: str, clock: Clock) -> None:
    once = ask(f"{role}/secret-id", num_uses=1).data["secret_id"]
    assert [login(ask, role, secret_id=once).status for _ in range(2)] == [200, 400]
    short = ask(f"{role}/secret-id", ttl="1m").data["secret_id"]
    clock.advance(minutes=1)
    assert login(ask, role, secret_id=short).status == 400
    gone = ask(f"{role}/secret-id").data
    assert ask(f"{role}/secret-id-accessor/destroy", secret_id_accessor=gone["secret_id_accessor"]).status == 204
    assert login(ask, role, secret_id=gone["secret_id"]).status == 400
    assert ask(f"{role}/secret-id/lookup", secret_id=gone["secret_id"]).status == 204


def test_what_a_role_loses_its_tokens_lose(ask: Ask, role: str) -> None:
    token = login(ask, role, secret_id=ask(f"{role}/secret-id").data["secret_id"]).auth["client_token"]
    assert ask("auth/token/lookup-self", "GET", by=token).status == 200
    assert ask(role, "DELETE").status == 204
    assert ask("auth/token/lookup-self", "GET", by=token).status == 403


def test_each_mount_has_roles_of_its_own_and_takes_them_along(ask: Ask, role: str, service: Service) -> None:
    assert ask("sys/auth/others", type="approle").status == 204
    assert ask("auth/others/role/etl", "GET").status == 404
    secret = ask(f"{role}/secret-id").data["secret_id"]
    token = login(ask, role, secret_id=secret).auth["client_token"]
    role_id = ask(f"{role}/role-id", "GET").data["role_id"]
    assert ask("sys/auth/machines", "DELETE").status == 204
    assert ask("auth/token/lookup-self", "GET", by=token).status == 403
    assert ask("sys/auth/machines", type="approle").status == 204
    assert ask("auth/machines/login", by="", role_id=role_id, secret_id=secret).status == 400
    assert ask("auth/machines/role", "LIST").status == 404


def test_a_role_is_read_as_it_was_written(ask: Ask, role: str) -> None:
    wish = {
        "secret_id_bound_cidrs": ["10.0.0.0/8"], "secret_id_num_uses": 3, "secret_id_ttl": "1h", "token_period": "30m",
        "token_bound_cidrs": "10.1.0.0/16", "token_num_uses": 5, "token_no_default_policy": True,
    }  # fmt: skip
    assert ask(role, **wish).status == 204
    data = ask(role, "GET").data
    assert {name: data[name] for name in wish} == {
        **wish,
        "secret_id_ttl": 3600,
        "token_period": 1800,
        "token_bound_cidrs": ["10.1.0.0/16"],
    }
    assert (data["token_policies"], data["token_ttl"]) == (["reader"], 600)


@pytest.mark.parametrize(
    "wish",
    [
        {"token_type": "batch"}, {"token_ttl": "soon"}, {"bind_secret_id": False}, {"token_policies": ["root"]},
        {"secret_id_bound_cidrs": ["here"]}, {"nothing_such": 1}, {"secret_id_num_uses": -1},
    ],
)  # fmt: skip
def test_what_a_role_cannot_be_is_refused(ask: Ask, role: str, wish: dict[str, Any]) -> None:
    assert ask(role, **wish).status == 400


def test_the_audit_has_logins_and_refusals_and_no_secret(ask: Ask, role: str, service: Service, canary: Plant) -> None:
    secret = canary(value=ask(f"{role}/secret-id").data["secret_id"])
    login(ask, role, secret_id=secret)
    login(ask, role, secret_id=canary("wrong"))
    entries = [entry for entry in service.workspaces.own.audit() if entry.action == "login"]
    assert [entry.outcome for entry in entries] == ["Unauthenticated", "done"]
    assert "unknown secret id" in entries[0].message
    assert not any(secret in f"{entry.name}{entry.message}" for entry in service.workspaces.own.audit())
