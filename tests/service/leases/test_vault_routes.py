"""Leases over ``/v1/sys/leases``, as clients of Vault know them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from servers.service import Clock
from starlette.testclient import TestClient
from strongroom_service.identity.caller import Caller
from strongroom_service.service import Service

if TYPE_CHECKING:
    from conftest import DefineRole, Leased

pytestmark = pytest.mark.usefixtures("today")


@pytest.fixture
def lease_id(service: Service, root: Caller, define: DefineRole) -> str:
    """The id of a lease of the role ``reader``."""
    define(default_ttl=600, max_ttl=3600)
    return service.leases.create(root, "default", "reader").id


def _ask(client: TestClient, method: str, path: str, **body: Any) -> Any:
    return client.request(method, f"/v1/sys/{path}", json=body or None)


def test_a_lease_is_looked_up_listed_renewed_and_revoked(
    client: TestClient, lease_id: str, leased: Leased, clock: Clock
) -> None:
    told = _ask(client, "PUT", "leases/lookup", lease_id=lease_id).json()["data"]
    assert (told["id"], told["ttl"], told["renewable"]) == (lease_id, 600, True)
    assert _ask(client, "LIST", "leases/lookup/default").json()["data"]["keys"] == ["reader/"]
    keys = _ask(client, "LIST", "leases/lookup/default/reader").json()["data"]["keys"]
    assert [f"default/reader/{key}" for key in keys] == [lease_id]
    renewed = _ask(client, "PUT", "leases/renew", lease_id=lease_id, increment="20m").json()
    assert (renewed["lease_id"], renewed["lease_duration"]) == (lease_id, 1200)
    assert _ask(client, "PUT", f"leases/renew/{lease_id}").status_code == 200
    assert len(leased.roles()) == 1
    assert _ask(client, "PUT", "leases/revoke", lease_id=lease_id).status_code == 204
    assert leased.roles() == []
    assert _ask(client, "PUT", "leases/lookup", lease_id=lease_id).status_code == 404
    assert _ask(client, "LIST", "leases/lookup/default/reader").status_code == 404


def test_all_leases_of_a_role_are_revoked(
    client: TestClient, service: Service, root: Caller, lease_id: str, leased: Leased
) -> None:
    service.leases.create(root, "default", "reader")
    assert _ask(client, "PUT", "leases/revoke-prefix/default").status_code == 400
    assert _ask(client, "PUT", "leases/revoke-prefix/default/reader").status_code == 204
    service.leases.ending.end_due()
    assert leased.roles() == []


def test_a_lease_is_struck_off_whatever_becomes_of_its_credential(
    client: TestClient, lease_id: str, leased: Leased
) -> None:
    assert _ask(client, "PUT", f"leases/revoke-force/{lease_id}").status_code == 204
    assert _ask(client, "PUT", "leases/lookup", lease_id=lease_id).status_code == 404
    assert len(leased.roles()) == 1


def test_what_is_no_lease_is_told(client: TestClient) -> None:
    for answer in (
        _ask(client, "PUT", "leases/lookup", lease_id="default/reader/none"),
        _ask(client, "PUT", "leases/renew", lease_id="x"),
        _ask(client, "PUT", "leases/revoke", lease_id=""),
        _ask(client, "LIST", "leases/lookup/none"),
        _ask(client, "LIST", "leases/lookup/A B"),
    ):
        assert answer.status_code in (400, 404), answer.text
    assert _ask(client, "PUT", "leases/lookup").json() == {"errors": ["missing lease_id"]}
