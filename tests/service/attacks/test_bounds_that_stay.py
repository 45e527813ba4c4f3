"""What bounds somebody bounds him still when something else was changed, renamed or removed in between."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st
from servers.service import TokenFor, bearer
from starlette.testclient import TestClient
from strongroom_service.identity.address_bounds import admits, bounds_of, common
from strongroom_service.leases.role import KIND, LeaseRole, record_name
from strongroom_service.service import Service

BASE = "/api/v1/identities"
DOCUMENT = "/api/v1/workspaces/default/documents/{}"
Headers = dict[str, str]


def write(client: TestClient, name: str, *rules: tuple[str, str, list[str]]) -> None:
    body = {"rules": [{"effect": effect, "paths": [path], "verbs": verbs} for effect, path, verbs in rules]}
    answer = client.put(f"/api/v1/policies/{name}", json=body)
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(
    ("of_role", "left"),
    [(["10.1.0.0/16"], ("10.1.0.0/16",)), (["10.0.0.0/7"], ("10.0.0.0/8",)), (["192.0.2.0/24"], None)],
)
def test_tokens_of_a_secret_id_stay_within_the_networks_that_its_role_has_by_now(
    client: TestClient, service: Service, of_role: list[str], left: tuple[str, ...] | None
) -> None:
    role = f"{BASE}/approles/etl"
    assert client.put(role, json={"token_policies": ["readers"]}).is_success
    made = client.post(f"{role}/secret-ids", json={"token_networks": ["10.0.0.0/8"]}).json()
    assert client.put(role, json={"token_policies": ["readers"], "token_bounds": of_role}).is_success
    both = {"role_id": made["role_id"], "secret_id": made["secret_id"]}
    said = client.post("/api/v1/auth/approle/login", json=both, headers={"Authorization": ""})
    if left is None:
        assert said.status_code == 401
    else:
        assert tuple(said.json()["about"]["networks"]) == left


_PREFIXES = st.tuples(st.integers(0, 15), st.integers(28, 32)).map(
    lambda one: f"10.0.0.{one[0] & (0xFF << (32 - one[1]))}/{one[1]}"
)
_BOUNDS = st.lists(_PREFIXES, max_size=4).map(bounds_of)


@given(_BOUNDS, _BOUNDS, st.integers(0, 15))
def test_what_is_common_to_two_bounds_is_within_both(one: tuple[str, ...], other: tuple[str, ...], last: int) -> None:
    found, address = common(one, other), f"10.0.0.{last}"
    assert (found is not None and admits(found, address)) == (admits(one, address) and admits(other, address))


def test_a_change_that_somebody_wrote_about_is_not_done_by_that(client: TestClient, token_for: TokenFor) -> None:
    write(client, "writers", ("allow", "default/**", ["write", "administer"]))
    assert client.put("/api/v1/protections/prod", json={"paths": ["default/prod-*"]}).is_success
    alice, bob, mel = (bearer(token_for("writers", identity=f"user:{name}")) for name in ("alice", "bob", "mel"))
    body = {"type": "t", "schema": "1", "payload": "e30="}
    id = client.put(DOCUMENT.format("prod-db"), json=body, headers=alice).json()["approval"]
    for message in (
        f"approval {id}",
        f"[request 0 approval {id} by user:bob from here]",
        f"[approval {id} by user:bob]",
    ):
        said = client.put(DOCUMENT.format("mine"), json={**body, "message": message, "overwrite": True}, headers=mel)
        assert said.status_code == 200
    assert client.post(f"/api/v1/approvals/{id}/approve", headers=bob).json()["state"] == "done"
    assert client.get(DOCUMENT.format("prod-db")).status_code == 200


ROLE: dict[str, Any] = {
    "engine": "postgresql",
    "block": "default/admin",
    "options": {"member_of": ["reader"]},
}


def test_a_later_workspace_has_no_lease_roles_of_the_former_one(client: TestClient, service: Service) -> None:
    for name in ("lake", "lake.x"):
        assert client.post("/api/v1/workspaces", json={"name": name}).is_success
        service.directory.put(KIND, record_name(name, "reader"), LeaseRole.model_validate(ROLE))
    roles = "/api/v1/workspaces/{}/lease-roles"
    assert client.delete("/api/v1/workspaces/lake").is_success
    assert service.leases.roles.names("lake") == []
    assert [role["name"] for role in client.get(roles.format("lake.x")).json()["roles"]] == ["reader"]
    service.workspaces.remove("lake.x")  # beside the server
    assert client.post("/api/v1/workspaces", json={"name": "lake.x"}).is_success
    assert client.get(roles.format("lake.x")).json()["roles"] == []


def test_what_a_mount_keeps_goes_with_the_mount_alone(client: TestClient) -> None:
    assert client.put("/v1/sys/mounts/kv", json={"type": "kv", "options": {"version": "2"}}).is_success
    assert client.put("/v1/kv/data/a", json={"data": {"n": 1}}).is_success
    accessor = client.get("/v1/sys/mounts").json()["data"]["kv/"]["accessor"]
    for query in ("", "?force=true"):
        answer = client.delete(f"/api/v1/workspaces/vault.{accessor}{query}")
        assert (answer.status_code, "mount" in answer.text) == (403, True), answer.text
    assert client.get("/v1/kv/data/a").status_code == 200


def test_who_keeps_some_protections_alone_protects_what_he_may_administer(
    client: TestClient, token_for: TokenFor
) -> None:
    keep: Any = ("allow", ":service/protections/team-*", ["administer", "view", "list"])
    write(client, "leads", keep, ("allow", "team/*", ["administer", "write"]), ("deny", "team/pay-*", ["*"]))
    write(client, "keepers", ("allow", ":service/protections/*", ["administer"]))
    lead, keeper = bearer(token_for("leads")), bearer(token_for("keepers"))
    one = "/api/v1/protections/team-x"
    for paths in (["**"], ["*/x"], ["team/**"], ["team/*"], ["team/x", "other/x"], [":service/protections/**"]):
        answer = client.put(one, json={"paths": paths}, headers=lead)
        assert answer.status_code == 403, paths
        assert client.put(one, json={"paths": ["team/prod-*"]}, headers=lead).status_code == 200
    assert client.put(one, json={"paths": ["**"]}, headers=keeper).status_code == 200


def test_a_role_that_disallows_a_policy_does_not_give_it_unasked(client: TestClient, token_for: TokenFor) -> None:
    text = 'path "auth/token/create/less" { capabilities = ["update"] }'
    for name in ("makes", "admin"):
        assert client.put(f"/v1/sys/policies/acl/{name}", json={"policy": text}).is_success
    assert client.put("/v1/auth/token/roles/less", json={"disallowed_policies": "admin"}).is_success
    for names, status in ((("makes",), 200), (("makes", "admin"), 400)):
        own = {"Authorization": "", "X-Vault-Token": token_for(*names)}
        assert client.put("/v1/auth/token/create/less", json={}, headers=own).status_code == status


def authority(name: str) -> str:
    """A certificate that others may be vouched for by, as PEM."""
    key, day = ec.generate_private_key(ec.SECP256R1()), timedelta(days=1)
    called = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    builder = x509.CertificateBuilder(called, called, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(datetime.now(UTC) - day).not_valid_after(datetime.now(UTC) + day)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


def test_a_secret_of_a_provider_goes_to_nobody_whom_another_authority_vouches_for(client: TestClient) -> None:
    one, secret = f"{BASE}/providers/cluster", "x" * 40
    settings = {"type": "kubernetes", "api": "https://10.96.0.1", "audiences": ["us"], "ca": authority("one")}
    assert client.put(one, json={"settings": {**settings, "reviewer_token": secret}}).json()["has_secret"] is True
    assert client.put(one, json={"settings": settings}).json()["has_secret"] is True
    changed = {**settings, "ca": authority("another")}
    assert client.put(one, json={"settings": changed}).json()["has_secret"] is False
