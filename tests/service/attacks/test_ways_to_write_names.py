"""However a name is written, what is denied of it is denied."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient
from strongroom_service.identity.grant import Grant
from strongroom_service.service import Service

_TEXT = """
path "auth/*" { capabilities = ["create", "read", "update", "delete", "list"] }
path "auth/Team/role/prod" { capabilities = ["deny"] }
path "auth/Team/role/prod/*" { capabilities = ["deny"] }
path "auth/userpass/users/prod" { capabilities = ["deny"] }
path "auth/userpass/users/prod/*" { capabilities = ["deny"] }
path "sys/policy/*" { capabilities = ["create", "read", "update", "delete"] }
path "sys/policies/acl/*" { capabilities = ["create", "read", "update", "delete"] }
path "sys/policy/prod" { capabilities = ["deny"] }
path "sys/policies/acl/prod" { capabilities = ["deny"] }
"""


@pytest.fixture
def headers(client: TestClient, service: Service) -> dict[str, str]:
    for path, type_ in {"Team": "approle", "userpass": "userpass"}.items():
        assert client.put(f"/v1/sys/auth/{path}", json={"type": type_}).is_success
    for name in ("prod", "test"):
        assert client.put(f"/v1/auth/Team/role/{name}", json={"token_policies": "own"}).is_success
        assert client.put(f"/v1/auth/userpass/users/{name}", json={"password": name * 4}).is_success
        assert client.put(f"/v1/sys/policies/acl/{name}", json={"policy": ""}).is_success
    assert client.put("/v1/sys/policies/acl/own", json={"policy": _TEXT}).is_success
    token = service.tokens.issue(Grant(identity="user:al", policies=("own",))).token.text
    return {"Authorization": "", "X-Vault-Token": token}


@pytest.mark.parametrize("name", ["prod", "PROD", "Prod", "ｐｒｏｄ", "pro\u00add", " prod", "prod ", "ᵖrod"])
def test_a_name_that_is_denied_is_denied_in_every_form(client: TestClient, headers: dict[str, str], name: str) -> None:
    for method, path, body in (
        ("PUT", "auth/Team/role/{}/secret-id", {}),
        ("GET", "auth/Team/role/{}/role-id", None),
        ("GET", "auth/Team/role/{}", None),
        ("PUT", "auth/Team/role/{}", {"token_policies": "own"}),
        ("PUT", "auth/userpass/users/{}/password", {"password": "another-one"}),
        ("GET", "auth/userpass/users/{}", None),
        ("GET", "sys/policies/acl/{}", None),
        ("PUT", "sys/policies/acl/{}", {"policy": ""}),
        ("PUT", "sys/policy/{}", {"policy": ""}),
        ("DELETE", "sys/policy/{}", None),
        ("DELETE", "auth/Team/role/{}", None),
        ("DELETE", "auth/userpass/users/{}", None),
    ):
        answer = client.request(method, f"/v1/{path.format(name)}", json=body, headers=headers)
        assert answer.status_code == 403, (method, path, answer.status_code, answer.text)


def test_what_is_allowed_is_allowed_in_every_form(client: TestClient, headers: dict[str, str]) -> None:
    for name in ("test", "TEST"):
        assert client.put(f"/v1/auth/Team/role/{name}/secret-id", json={}, headers=headers).is_success
        assert client.get(f"/v1/auth/userpass/users/{name}", headers=headers).is_success
        assert client.get(f"/v1/sys/policies/acl/{name}", headers=headers).is_success
