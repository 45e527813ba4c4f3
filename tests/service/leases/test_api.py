"""Leases over HTTP: rights, shapes, hostile input, and where the credential is seen."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from typing import Any

import pytest
from servers.service import TokenFor, bearer
from starlette.testclient import TestClient
from strongroom import JSON
from strongroom_registry.current import using
from strongroom_service.errors import EngineFailed
from strongroom_service.leases import engines
from strongroom_service.service import Service

from .test_lifecycle import Memory

ALL = "/api/v1/workspaces/default/leases"
ROLES = "/api/v1/workspaces/default/lease-roles"
ROLE = {"engine": "third-party", "block": "default/admin", "max_ttl": 7200}


@pytest.fixture
def third_party(service: Service, monkeypatch: pytest.MonkeyPatch) -> Iterator[Memory]:
    """An engine of another distribution, as its entry point names it."""
    engine = Memory()
    point = EntryPoint("third-party", f"{__name__}:ENGINE", engines.GROUP)
    broken = EntryPoint("broken", "no_such_module:ENGINE", engines.GROUP)
    known = {"third-party": point, "broken": broken}
    monkeypatch.setattr(EntryPoint, "load", lambda self: engine if self.name == "third-party" else 1 / 0)
    monkeypatch.setattr(
        engines, "entry_points", lambda group, name="": [one for key, one in known.items() if name in ("", key)]
    )
    engines.engine_named.cache_clear()
    with using(service.registry("default")):
        JSON(value={}).save("admin")
    yield engine
    engines.engine_named.cache_clear()


def code(answer: Any) -> str:
    return str(answer.json()["error"]["code"])


def test_the_whole_life(client: TestClient, third_party: Memory) -> None:
    put = client.put(f"{ROLES}/reader", json=ROLE, headers={"If-None-Match": "*"})
    assert (put.status_code, put.headers["etag"]) == (200, '"1"')
    assert code(client.put(f"{ROLES}/reader", json=ROLE, headers={"If-None-Match": "*"})) == "stale_expectation"
    assert [one["name"] for one in client.get(ROLES).json()["roles"]] == ["reader"]
    made = client.post(ALL, json={"role": "reader", "ttl_seconds": 60})
    assert made.status_code == 201
    lease = made.json()
    assert third_party.users.keys() == {lease["credential"]["user"]}
    shown = client.get(f"/api/v1/workspaces/{_path(lease)}").json()
    assert shown == {name: value for name, value in lease.items() if name != "credential"}
    assert client.get(ALL).json()["leases"] == [{"id": lease["id"], "lease": shown, "quarantine": None}]
    renewed = client.post(f"/api/v1/workspaces/{_path(lease)}/renew", json={"ttl_seconds": 3600}).json()
    assert renewed["until"] > lease["until"]
    assert client.delete(f"/api/v1/workspaces/{_path(lease)}").json()["gone"] is True
    assert not third_party.users
    assert client.get(f"/api/v1/workspaces/{_path(lease)}").status_code == 404
    assert client.delete(f"{ROLES}/reader").status_code == 204


def _path(lease: dict[str, Any]) -> str:
    workspace, role, key = lease["id"].split("/")
    return f"{workspace}/leases/{role}/{key}"


def test_the_answer_can_be_wrapped_and_asked_for_again(client: TestClient, third_party: Memory) -> None:
    client.put(f"{ROLES}/reader", json=ROLE)
    headers = {"Idempotency-Key": "once", "Strongroom-Wrap-TTL": "60"}
    one, two = (client.post(ALL, json={"role": "reader"}, headers=headers) for _ in range(2))
    assert len(third_party.users) == 1
    assert one.json() == two.json()
    opened = client.post("/api/v1/wraps/unwrap", json={"token": one.json()["wrap_info"]["token"]}).json()
    assert opened["value"]["credential"]["user"] in third_party.users
    assert opened["creation_path"] == ALL


def test_the_credential_is_in_one_answer_and_nowhere_else(
    service: Service, client: TestClient, third_party: Memory, canary
) -> None:
    secret = canary("leased")
    real = third_party.create
    third_party.create = lambda *args: real(*args).__class__({"password": secret}, {"note": "x"})  # type: ignore[method-assign]
    client.put(f"{ROLES}/reader", json=ROLE)
    lease = client.post(ALL, json={"role": "reader"}).json()
    assert lease["credential"] == {"password": secret}
    others = [client.get(path) for path in (ALL, f"/api/v1/workspaces/{_path(lease)}", f"{ROLES}/reader")]
    others.append(client.delete(f"/api/v1/workspaces/{_path(lease)}"))
    assert not [one for one in others if secret in one.text or secret in str(one.headers)]
    audit = [*service.registry("default").audit(), *service.workspaces.own.audit()]
    assert secret not in str(audit)


def test_rights_over_http(client: TestClient, third_party: Memory, token_for: TokenFor) -> None:
    client.put(f"{ROLES}/reader", json=ROLE)
    nobody = bearer(token_for("default"))
    lease = client.post(ALL, json={"role": "reader"}).json()
    for method, path in (
        ("GET", f"/api/v1/workspaces/{_path(lease)}"),
        ("DELETE", f"/api/v1/workspaces/{_path(lease)}"),
        ("POST", f"/api/v1/workspaces/{_path(lease)}/renew"),
    ):
        assert client.request(method, path, headers=nobody).status_code == 404, "nor do they learn that it is there"
    for method, path, body in (
        ("POST", ALL, {"role": "reader"}),
        ("POST", f"{ALL}/revoke", {"role": "reader"}),
        ("PUT", f"{ROLES}/mine", ROLE),
        ("GET", f"{ROLES}/reader", None),
        ("DELETE", f"{ROLES}/reader", None),
        ("POST", f"/api/v1/workspaces/{_path(lease)}/forget", None),
    ):
        assert client.request(method, path, json=body, headers=nobody).status_code == 403
    assert client.get(ALL, headers=nobody).json() == {"leases": [], "next": None}
    assert client.get(ROLES, headers=nobody).json() == {"roles": [], "next": None}
    assert client.get(ALL, headers={"Authorization": ""}).status_code == 401


@pytest.mark.parametrize(
    "change",
    [
        {"engine": "absent"},
        {"engine": "broken"},
        {"block": "default/absent"},
        {"block": "strongroom.service/admin"},
        {"block": "elsewhere/admin"},
        {"options": {"color": 7}},
        {"options": {"s3cr3t": "x"}},
        {"options": []},
        {"default_ttl": 5},
        {"default_ttl": 10**9},
        {"max_ttl": -1},
        {"max_ttl": 1e400},
        {"name_template": "x{id}" + "y" * 40},
        {"name_template": "x{{id}}"},
        {"more": True},
    ],
)
def test_roles_that_are_none(client: TestClient, third_party: Memory, change: dict[str, Any]) -> None:
    body = json.dumps({**ROLE, **change})
    answer = client.put(f"{ROLES}/reader", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400, answer.text
    assert "s3cr3t" not in answer.text
    assert client.get(ROLES).json()["roles"] == []


@pytest.mark.parametrize("name", ["A", "a.b", "-a", "a" * 49, "a%00", "..", "%2e%2e", "a%2fb", ":x", "ä"])
def test_names_of_roles_that_are_none(client: TestClient, third_party: Memory, name: str) -> None:
    assert client.put(f"{ROLES}/{name}", json=ROLE).status_code in (400, 404, 405)
    assert client.post(ALL, json={"role": name}).status_code == 400
    assert client.get(ROLES).json()["roles"] == []


@pytest.mark.parametrize(
    "body",
    [{}, [], {"role": 1}, {"role": "reader", "ttl_seconds": 0}, {"role": "reader", "ttl_seconds": "x"},
     {"role": "reader", "ttl_seconds": 2**63}, {"role": "reader", "x": 1}, {"role": "r" * 10_000}, None],
)  # fmt: skip
def test_requests_that_are_none(client: TestClient, third_party: Memory, body: Any) -> None:
    client.put(f"{ROLES}/reader", json=ROLE)
    assert client.post(ALL, json=body).status_code == 400
    assert not third_party.calls


@pytest.mark.parametrize("id", ["x/y", "reader/%2e%2e", "reader/%00", "reader/" + "a" * 5000, "reader/a%2fb"])
def test_ids_that_are_none(client: TestClient, third_party: Memory, id: str) -> None:
    for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/renew"), ("POST", "/forget")):
        assert client.request(method, f"{ALL}/{id}{path}").status_code in (400, 404, 405, 414)


def test_a_system_that_fails_is_told_of_and_blamed(client: TestClient, third_party: Memory) -> None:
    client.put(f"{ROLES}/reader", json=ROLE)
    third_party.problem = EngineFailed("The database is away.", "Start it.")
    answer = client.post(ALL, json={"role": "reader"})
    assert (answer.status_code, code(answer)) == (502, "engine_failed")
    assert "The database is away." in answer.json()["error"]["message"]
    assert int(answer.headers["retry-after"]) > 0


def test_pages_over_http(client: TestClient, third_party: Memory) -> None:
    client.put(f"{ROLES}/reader", json=ROLE)
    ids = sorted(client.post(ALL, json={"role": "reader"}).json()["id"] for _ in range(5))
    seen, after = [], ""
    while True:
        page = client.get(ALL, params={"limit": 2, "after": after}).json()
        seen += [one["id"] for one in page["leases"]]
        if page["next"] is None:
            break
        after = page["next"]
    assert seen == ids
