"""Bodies that are no requests: refused in words that quote nothing of them, and the server goes on."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from canaries import Plant, find
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from conftest import Vault

_PATHS = (
    "secret/data/a",
    "secret/metadata/a",
    "secret/config",
    "secret/delete/a",
    "secret/undelete/a",
    "secret/destroy/a",
    "sys/policies/acl/p",
    "sys/mounts/m",
    "sys/mounts/secret/tune",
    "sys/auth/a",
    "sys/audit/a",
    "sys/audit-hash/a",
    "sys/capabilities-self",
    "sys/remount",
    "sys/tools/hash",
    "sys/tools/random",
    "sys/leases/lookup",
    "sys/leases/renew",
    "sys/wrapping/unwrap",
)
_NAMES = [
    "data",
    "options",
    "cas",
    "versions",
    "custom_metadata",
    "max_versions",
    "cas_required",
    "delete_version_after",
    "policy",
    "type",
    "config",
    "description",
    "path",
    "paths",
    "input",
    "format",
    "bytes",
    "lease_id",
    "increment",
    "from",
    "to",
    "token",
    "version",
    "local",
    "default_lease_ttl",
]


def _values(canary: str) -> st.SearchStrategy[Any]:
    leaves = st.sampled_from([canary, [canary], {canary: canary}, {"cas": canary}, None, True, -1, 1.5, "", 2**80])
    return st.recursive(
        leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_NAMES), inner)
    )


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(data=st.data())
def test_no_malformed_body_breaks_anything_or_is_quoted(secret: Vault, canary: Plant, data: st.DataObject) -> None:
    planted = canary(value="canary-value-that-must-not-be-quoted")
    body = data.draw(st.dictionaries(st.sampled_from(_NAMES), _values(planted), max_size=5))
    path, method = data.draw(st.sampled_from(_PATHS)), data.draw(st.sampled_from(["PUT", "POST", "PATCH", "DELETE"]))
    headers = {"Content-Type": "application/merge-patch+json"}
    answer = secret.ask(method, path, content=json.dumps(body), headers=headers)
    assert answer.status_code in (200, 204, 400, 404), answer.text
    if answer.status_code >= 400:
        assert find(planted, answer.content) is None
        assert all(isinstance(message, str) for message in answer.json()["errors"])


@pytest.mark.parametrize(
    "raw",
    [
        b"{",
        b"\xff\xfe",
        b'{"data": NaN}',
        b"[" * 50_000,
        b'{"data": ' * 200 + b"1" + b"}" * 200,
        b"{}{}",
        b'{"a":1,}',
        b'"text"',
        b'{"data": "\\ud800"}',
    ],
)
def test_what_is_no_json_is_refused(secret: Vault, raw: bytes) -> None:
    answer = secret.ask("PUT", "secret/data/a", content=raw)
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/json"
    assert secret.get("sys/health").status_code == 200


def test_a_bomb_of_values_is_refused(secret: Vault) -> None:
    answer = secret.ask("PUT", "secret/data/a", content=json.dumps({"data": {"a": [0] * 200_000}}))
    assert answer.status_code == 400


def test_half_a_character_is_kept_or_refused_and_breaks_nothing(secret: Vault) -> None:
    raw = b'{"data": {"a": "\\ud800", "\\udc00": 1}}'
    answer = secret.ask("PUT", "secret/data/a", content=raw)
    assert answer.status_code in (200, 400)
    assert secret.get("secret/data/a").status_code in (200, 404)


def test_values_that_were_put_in_the_wrong_place_are_not_quoted(secret: Vault, canary: Plant) -> None:
    for body in (
        {"data": canary()},
        {"data": {"x": 1}, "options": canary()},
        {"data": {"x": 1}, "options": {"cas": canary()}},
        {canary(): 1},
        {"data": [canary()]},
        {"custom_metadata": {canary(): [canary()]}},
    ):
        for path in ("secret/data/a", "secret/metadata/a"):
            answer = secret.put(path, **body)
            assert "canary" not in answer.text
