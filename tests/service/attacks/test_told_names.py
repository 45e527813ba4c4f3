"""Documents that somebody may not see, and versions that he may not, are not told or handed out by another way."""

from __future__ import annotations

import base64
from collections.abc import Callable

import pytest
from servers.service import bearer
from starlette.testclient import TestClient
from strongroom_registry import Document, Reference
from strongroom_service.identity.grant import Grant
from strongroom_service.service import Service

DOCUMENTS = "/api/v1/workspaces/default/documents"
HeadersOf = Callable[..., dict[str, str]]


@pytest.fixture
def of_rules(client: TestClient, service: Service) -> HeadersOf:
    """The headers of somebody with one policy, of these rules."""

    def make(*rules: tuple[str, str, list[str]]) -> dict[str, str]:
        body = {"rules": [{"effect": effect, "paths": [path], "verbs": verbs} for effect, path, verbs in rules]}
        assert client.put("/api/v1/policies/own", json=body).is_success
        return bearer(service.tokens.issue(Grant(identity="user:al", policies=("own",))).token.text)

    return make


def save(client: TestClient, name: str, **more: object) -> None:
    body = {"type": "t", "schema": "1", "payload": base64.b64encode(b"{}").decode(), "overwrite": True, **more}
    answer = client.put(f"{DOCUMENTS}/{name}", json=body)
    assert answer.is_success, answer.text


@pytest.mark.parametrize("query", ["", "?cascade=true"])
def test_who_deletes_is_not_told_what_he_may_not_list(client: TestClient, of_rules: HeadersOf, query: str) -> None:
    save(client, "base")
    save(client, "hidden", references=["base"])
    blind = of_rules(("allow", "default/base", ["delete", "view"]))
    answer = client.delete(f"{DOCUMENTS}/base{query}", headers=blind)
    assert answer.status_code in (403, 409)
    assert "hidden" not in answer.text
    seeing = of_rules(("allow", "default/base", ["delete"]), ("allow", "default/*", ["list"]))
    answer = client.delete(f"{DOCUMENTS}/base{query}", headers=seeing)
    assert answer.status_code in (403, 409)
    assert "hidden" in answer.text


def test_a_label_that_is_moved_meanwhile_hands_out_what_was_decided_about(
    client: TestClient, service: Service, of_rules: HeadersOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(client, "db", labels=["stable"])
    save(client, "db")
    own = of_rules(("allow", "default/db", ["reveal"]), ("deny", "default/db@latest", ["reveal"]))
    assert client.get(f"{DOCUMENTS}/db/payload", headers=own).status_code == 403
    registry = service.registry("default")
    get = registry.get

    def moved(reference: str | Reference) -> Document:
        registry.label("db", "stable", 2)
        return get(reference)

    monkeypatch.setattr(registry, "get", moved)
    answer = client.get(f"{DOCUMENTS}/db/payload?label=stable", headers=own)
    assert (answer.status_code, answer.json()["version"]["number"]) == (200, 1)
    assert client.get(f"{DOCUMENTS}/db/payload?label=stable", headers=own).status_code == 403


def test_keys_of_transit_that_are_not_exportable_are_no_documents_to_reveal_or_change(
    client: TestClient, service: Service, of_rules: HeadersOf
) -> None:
    client.put("/v1/sys/mounts/transit", json={"type": "transit"})
    client.put("/v1/transit/keys/k", json={})
    accessor = client.get("/v1/sys/mounts").json()["data"]["transit/"]["accessor"]
    workspace = f"/api/v1/workspaces/vault.{accessor}"
    name = client.get(f"{workspace}/names").json()["names"][0]
    document = f"{workspace}/documents/{name}"
    everything = of_rules(("allow", "**", ["*"]))
    draft = {"type": "t", "schema": "1", "payload": "", "overwrite": True, "retype": True}
    for headers in ({}, everything):
        assert client.get(f"{document}/payload", headers=headers).status_code == 403
        assert client.put(document, json=draft, headers=headers).status_code == 403
        assert client.put(f"{document}/labels/l", json={"version": 1}, headers=headers).status_code == 403
        assert client.delete(f"{document}/labels/l", headers=headers).status_code == 403
        assert client.post(f"{document}/promote", json={"version": 1}, headers=headers).status_code == 403
        assert client.post(f"{document}/destroy", json={"version": None}, headers=headers).status_code == 403
        assert client.post(f"{document}/undelete", headers=headers).status_code == 403
        assert client.delete(document, headers=headers).status_code == 403
        assert client.get(document, headers=headers).is_success
        made = client.post("/api/v1/workspaces", json={"name": "vault.mine"}, headers=headers)
        assert made.status_code == 400
    assert client.put("/v1/transit/encrypt/k", json={"plaintext": ""}).is_success
