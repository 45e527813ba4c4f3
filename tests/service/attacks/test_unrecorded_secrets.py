"""Nothing that is secret leaves without an entry of the audit, whatever shape the answer has."""

from __future__ import annotations

import base64
from collections.abc import Iterable

import pytest
from starlette.testclient import TestClient
from strongroom_registry.acting import Owed
from strongroom_registry.errors import StoreUnavailable
from strongroom_service.http import settling
from strongroom_service.service import Service


def entries(service: Service) -> list[tuple[str, str, str]]:
    return [(entry.action, entry.name, entry.message) for entry in service.workspaces.own.audit()]


def test_what_some_of_a_batch_came_to_is_kept_back_where_the_audit_cannot_be_written(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.put("/v1/sys/mounts/transit", json={"type": "transit"})
    client.put("/v1/transit/keys/k", json={})
    plaintext = base64.b64encode(b"what nobody is told").decode()
    made = client.put("/v1/transit/encrypt/k", json={"plaintext": plaintext}).json()["data"]["ciphertext"]
    batch = {"batch_input": [{"ciphertext": made}, {"ciphertext": "vault:v1:AAAA"}]}
    answer = client.put("/v1/transit/decrypt/k", json=batch)
    assert answer.status_code == 400
    assert answer.json()["data"]["batch_results"][0]["plaintext"] == plaintext

    def full(_owed: Iterable[Owed]) -> None:
        raise StoreUnavailable("The disk is full.", "Make room.")

    monkeypatch.setattr(settling, "settle", full)
    for code in (None, 400, 404, 500, 599):
        answer = client.put("/v1/transit/decrypt/k", json={**batch, "partial_failure_response_code": code})
        assert answer.status_code == 503
        assert plaintext not in answer.text


def test_what_is_written_into_a_path_where_it_does_not_belong_is_not_in_the_audit(
    client: TestClient, service: Service
) -> None:
    token = service.tokens.make_root().token
    wrap = client.post("/api/v1/wraps", json={"value": 1}).json()["token"]
    client.put("/api/v1/identities/approles/etl", json={"token_policies": ["default"]})
    secret_id = client.post("/api/v1/identities/approles/etl/secret-ids", json={}).json()["secret_id"]
    for secret in (token.text, wrap, secret_id):
        for path in ("api/v1/tokens/", "api/v1/policies/", "v1/auth/token/lookup/", "v1/sys/policies/acl/", "v1/"):
            for method in ("GET", "PUT", "DELETE"):
                for headers in ({}, {"Authorization": ""}, {"Authorization": "Bearer none"}):
                    client.request(method, f"/{path}{secret}", headers=headers, json={} if method == "PUT" else None)
                client.request(method, f"/api/v1/workspaces/default/documents/{secret}")
        said = [str(entries(service)), str([(one.name, one.message) for one in service.registry("default").audit()])]
        assert not [text for text in said if secret[20:40] in text]
    assert f"srt_{token.id}…" in str(entries(service))


def test_tokens_and_secret_ids_of_vaults_api_are_in_the_audit_by_their_accessors(
    client: TestClient, service: Service
) -> None:
    made = client.put("/v1/auth/token/create", json={"policies": ["default"]}).json()["auth"]
    assert [one[:2] for one in entries(service)].count(("write", "auth/token/create")) == 1
    assert any(name == "auth/token/create" and made["accessor"] in said for _, name, said in entries(service))
    for path, body in {
        "auth/token/lookup": {"token": made["client_token"]},
        "auth/token/renew": {"token": made["client_token"]},
        "auth/token/revoke-accessor": {"accessor": made["accessor"]},
    }.items():
        assert client.put(f"/v1/{path}", json=body).is_success
        assert any(one[:2] == ("write", path) for one in entries(service)), path
    client.put("/v1/sys/auth/approle", json={"type": "approle"})
    client.put("/v1/auth/approle/role/etl", json={"token_policies": "default"})
    secret_id = client.put("/v1/auth/approle/role/etl/secret-id", json={}).json()["data"]
    assert any(secret_id["secret_id_accessor"] in said for _, _, said in entries(service))
    shown = str(entries(service))
    assert made["client_token"] not in shown
    assert secret_id["secret_id"] not in shown
