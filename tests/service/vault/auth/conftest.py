"""``/v1`` is asked as Vault's clients do."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from starlette.testclient import TestClient


@dataclass(frozen=True)
class Told:
    """An answer: its status and its JSON, which is empty where it has no body."""

    status: int
    json: dict[str, Any]

    @property
    def data(self) -> dict[str, Any]:
        assert self.status == 200, self.json
        data: dict[str, Any] = self.json["data"]
        return data

    @property
    def auth(self) -> dict[str, Any]:
        assert self.status == 200, self.json
        auth: dict[str, Any] = self.json["auth"]
        return auth

    @property
    def error(self) -> str:
        assert self.status >= 400, self.json
        return ", ".join(self.json["errors"])


Ask = Callable[..., Told]


@pytest.fixture
def ask(client: TestClient) -> Ask:
    """Ask as root, or with another token, or with none: ``ask("auth/token/create", by=token, ttl="1h")``."""

    def asked(path: str, method: str = "POST", /, *, by: str | None = None, wrap: str = "", **body: Any) -> Told:
        headers = {} if by is None else {"Authorization": "", "X-Vault-Token": by}
        headers |= {"X-Vault-Wrap-TTL": wrap} if wrap else {}
        answer = client.request(method, f"/v1/{path}", content=json.dumps(body) if body else None, headers=headers)
        if answer.content:
            assert answer.headers["content-type"] == "application/json"
        return Told(answer.status_code, answer.json() if answer.content else {})

    return asked


@pytest.fixture
def policy(ask: Ask) -> Callable[[str, str], None]:
    """Write a policy: ``policy("maker", 'path "auth/token/*" { capabilities = ["update"] }')``."""

    def write(name: str, text: str) -> None:
        assert ask(f"sys/policies/acl/{name}", policy=text).status == 204

    return write
