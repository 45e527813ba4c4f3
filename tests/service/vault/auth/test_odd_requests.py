"""Requests that no client sends: refused in words, whatever they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

Ask = Callable[..., Any]

FIELDS = [
    "token", "accessor", "policies", "ttl", "period", "explicit_max_ttl", "num_uses", "meta", "display_name",
    "renewable", "no_parent", "no_default_policy", "increment", "type", "role_id", "secret_id",
    "secret_id_accessor", "metadata", "cidr_list", "token_policies", "token_ttl", "token_period",
    "token_bound_cidrs", "bind_secret_id", "password", "jwt", "role", "allowed_policies",
    "allowed_policies_glob", "orphan", "path_suffix", "token_num_uses", "secret_id_num_uses",
]  # fmt: skip
VALUES = st.sampled_from(
    [
        None, "", "x", 0, 1, -1, 10**18, True, [], ["a"], ["root"], [1], {}, {"a": "b"}, {"a": 1}, "1h", "9" * 30, 1.5,
        "\x00", "\ud800", "127.0.0.1/32", "::/0", "a" * 2000, "{}", "[", '{"a": 1}', "long enough a password",
    ]
)  # fmt: skip
ROUTES = [
    "auth/token/create", "auth/token/create/r", "auth/token/create-orphan", "auth/token/lookup",
    "auth/token/renew", "auth/token/lookup-accessor", "auth/token/renew-accessor", "auth/token/revoke",
    "auth/token/revoke-accessor", "auth/token/roles/r", "auth/token/roles/-", "auth/token/roles/ü",
    "auth/token/nothing", "auth/token", "auth/approle/role/r", "auth/approle/role/ü",
    "auth/approle/role/r/role-id", "auth/approle/role/r/secret-id", "auth/approle/role/r/custom-secret-id",
    "auth/approle/role/r/secret-id/lookup", "auth/approle/role/q/secret-id",
    "auth/approle/role/r/secret-id/destroy", "auth/approle/role/r/secret-id-accessor/lookup",
    "auth/approle/login", "auth/approle/role", "auth/approle", "auth/userpass/users/u", "auth/userpass/users/ü",
    "auth/userpass/login/u", "auth/userpass/users/u/password", "auth/userpass/users/u/policies",
    "auth/userpass/users", "auth/jwt/login", "auth/kubernetes/login", "auth/nothing/login", "sys/wrapping/wrap",
    "sys/wrapping/unwrap", "sys/wrapping/lookup", "sys/wrapping/rewrap",
]  # fmt: skip


@pytest.fixture
def mounted(ask: Ask) -> Ask:
    """All methods to log in, and something in each."""
    for kind in ("approle", "userpass", "jwt", "kubernetes"):
        assert ask(f"sys/auth/{kind}", type=kind).status == 204
    assert ask("auth/approle/role/r", token_policies=["a"]).status == 204
    assert ask("auth/token/roles/r", allowed_policies=["a"]).status == 204
    return ask


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300)
@given(
    st.sampled_from(ROUTES),
    st.sampled_from(["POST", "PUT", "GET", "LIST", "DELETE", "PATCH"]),
    st.dictionaries(st.sampled_from(FIELDS), VALUES, max_size=5),
    st.sampled_from(["", "1h", "0", "x"]),
)
def test_no_request_is_a_mistake_of_the_server(
    mounted: Ask, route: str, method: str, body: dict[str, Any], wrap: str
) -> None:
    answer = mounted(route, method, wrap=wrap, **body)
    assert answer.status in (200, 204, 400, 403, 404, 429), answer.json


def test_a_namespace_is_refused_rather_than_left_out(client: TestClient) -> None:
    for name, status in (("team", 400), ("root", 200), ("/", 200)):
        answer = client.get("/v1/auth/token/lookup-self", headers={"X-Vault-Namespace": name})
        assert answer.status_code == status
