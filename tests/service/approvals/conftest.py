"""A service with a protected block, somebody who writes it, and others who may approve that."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

import pytest
from httpx2 import Response
from servers.service import TokenFor, bearer
from starlette.testclient import TestClient


@dataclass
class Office:
    """People at one service: ``as_`` gives the headers of each."""

    client: TestClient
    token_for: TokenFor

    def as_(self, name: str, *policies: str) -> dict[str, str]:
        return bearer(self.token_for(*(policies or ("writers",)), identity=f"user:{name}"))

    def save(self, who: dict[str, str], name: str = "prod-db", *, payload: bytes = b"new", **more: Any) -> Response:
        headers = who | more.pop("headers", {})
        body = {"type": "secret", "schema": "1", "payload": base64.urlsafe_b64encode(payload).decode(), **more}
        return self.client.put(f"/api/v1/workspaces/default/documents/{name}", json=body, headers=headers)

    def ask(self, who: dict[str, str], **more: Any) -> str:
        answer = self.save(who, overwrite=True, **more)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["approval"])

    def approve(self, who: dict[str, str], id: str) -> Response:
        return self.client.post(f"/api/v1/approvals/{id}/approve", headers=who)

    def refuse(self, who: dict[str, str], id: str, reason: str = "") -> Response:
        return self.client.post(f"/api/v1/approvals/{id}/refuse", json={"reason": reason}, headers=who)

    def protect(self, **protection: Any) -> None:
        made = self.client.put("/api/v1/protections/prod", json={"paths": ["default/prod-*"], **protection})
        assert made.status_code == 200, made.text


@pytest.fixture
def office(client: TestClient, token_for: TokenFor) -> Office:
    rules = {
        "writers": [("default/**", ["list", "view", "reveal", "write", "label", "delete", "destroy"])],
        "owners": [("default/**", ["list", "view", "administer"])],
        "approvers": [],
    }
    for name, pairs in rules.items():
        body = {"rules": [{"effect": "allow", "paths": [path], "verbs": verbs} for path, verbs in pairs]}
        assert client.put(f"/api/v1/policies/{name}", json=body).status_code == 200
    return Office(client, token_for)
