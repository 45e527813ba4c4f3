"""Vault's API of a service in this process."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from httpx2 import Response
from starlette.testclient import TestClient


@dataclass
class Vault:
    """Asks Vault's API: ``vault.put("secret/data/x", data={…})`` sends the keywords as the body."""

    client: TestClient
    token: str = ""

    def ask(self, method: str, path: str, **more: Any) -> Response:
        headers = {
            **more.pop("headers", {}),
            **({"Authorization": "", "X-Vault-Token": self.token} if self.token else {}),
        }
        return self.client.request(method, f"/v1/{path}", headers=headers, **more)

    def get(self, path: str, **query: Any) -> Response:
        return self.ask("GET", path, params=query or None)

    def list(self, path: str) -> Response:
        return self.ask("LIST", path)

    def put(self, path: str, /, **body: Any) -> Response:
        return self.ask("PUT", path, json=body)

    def patch(self, path: str, /, **body: Any) -> Response:
        return self.ask("PATCH", path, json=body, headers={"Content-Type": "application/merge-patch+json"})

    def delete(self, path: str) -> Response:
        return self.ask("DELETE", path)

    def mount(self, path: str, type: str = "kv", version: str | None = "2", **body: Any) -> None:
        options = {} if version is None else {"options": {"version": version}}
        answer = self.put(f"sys/mounts/{path}", type=type, **options, **body)
        assert answer.status_code == 204, answer.text

    def policy(self, name: str, text: str) -> None:
        answer = self.put(f"sys/policies/acl/{name}", policy=text)
        assert answer.status_code == 204, answer.text

    def of(self, token: str) -> Vault:
        """The same, asked with another token."""
        return Vault(self.client, token)


@pytest.fixture
def vault(client: TestClient) -> Vault:
    """The API, asked as root."""
    return Vault(client)


@pytest.fixture
def secret(vault: Vault) -> Vault:
    """The same, with a KV mount of version 2 at ``secret``."""
    vault.mount("secret")
    return vault
