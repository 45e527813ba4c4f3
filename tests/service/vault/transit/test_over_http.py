"""Transit over HTTP: who may what, and the shapes of answers."""

from __future__ import annotations

import base64
from typing import Any

import pytest

PLAIN = base64.b64encode(b"plain").decode()


@pytest.fixture
def mounted(vault: Any) -> Any:
    """Vault's API, asked as root, with a transit mount and a key."""
    vault.mount("transit", "transit", version=None)
    assert vault.put("transit/keys/k", exportable=True).status_code == 200
    return vault


def asked_with(vault: Any, *rules: str) -> Any:
    """The same, asked with a token that these rules allow something."""
    vault.policy("some", "\n".join(rules))
    return vault.of(vault.put("auth/token/create", policies=["some"]).json()["auth"]["client_token"])


def test_whoever_may_use_a_key_may_not_make_one(mounted: Any) -> None:
    user = asked_with(mounted, 'path "transit/encrypt/*" { capabilities = ["update"] }')
    maker = asked_with(mounted, 'path "transit/encrypt/*" { capabilities = ["create", "update"] }')
    assert user.put("transit/encrypt/k", plaintext=PLAIN).status_code == 200
    assert maker.put("transit/encrypt/new", plaintext=PLAIN).status_code == 200
    user = asked_with(mounted, 'path "transit/encrypt/*" { capabilities = ["update"] }')
    assert user.put("transit/encrypt/other", plaintext=PLAIN).status_code == 403
    assert mounted.list("transit/keys").json()["data"]["keys"] == ["k", "new"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", "decrypt/k"), ("PUT", "rewrap/k"), ("PUT", "keys/k/rotate"), ("PUT", "keys/k/config"),
        ("GET", "keys/k"), ("LIST", "keys"), ("DELETE", "keys/k"), ("GET", "export/encryption-key/k"),
        ("GET", "backup/k"), ("PUT", "restore"), ("PUT", "random/8"), ("PUT", "sign/k"), ("PUT", "datakey/plaintext/k"),
    ],
)  # fmt: skip
def test_what_no_rule_allows_is_refused_before_anything_is_said(mounted: Any, method: str, path: str) -> None:
    user = asked_with(mounted, 'path "transit/encrypt/k" { capabilities = ["update"] }')
    for at in (path, path.replace("/k", "/none")):
        answer = user.ask(method, f"transit/{at}", json={} if method == "PUT" else None)
        assert (answer.status_code, "permission denied" in answer.text) == (403, True)


def test_the_two_refusals_that_clients_expect_as_mistakes_are_500(mounted: Any) -> None:
    refused = mounted.get("transit/backup/k")
    assert (refused.status_code, refused.json()) == (500, {"errors": ["plaintext backup is disallowed on the policy"]})
    assert mounted.put("transit/keys/k/config", allow_plaintext_backup=True).status_code == 200
    backup = mounted.get("transit/backup/k").json()["data"]["backup"]
    taken = mounted.put("transit/restore", backup=backup)
    assert (taken.status_code, taken.json()) == (500, {"errors": ["key 'k' already exists"]})


def test_a_batch_that_fails_in_part_says_which(mounted: Any) -> None:
    answer = mounted.put("transit/encrypt/k", batch_input=[{"plaintext": PLAIN}, {"plaintext": "?"}])
    assert answer.status_code == 400
    results = answer.json()["data"]["batch_results"]
    assert ["ciphertext" in result for result in results] == [True, False]


def test_a_mount_takes_its_keys_along_wherever_it_goes(mounted: Any) -> None:
    text = mounted.put("transit/encrypt/k", plaintext=PLAIN).json()["data"]["ciphertext"]
    assert mounted.put("sys/remount", **{"from": "transit", "to": "elsewhere"}).status_code in (200, 204)
    assert mounted.put("elsewhere/decrypt/k", ciphertext=text).json()["data"]["plaintext"] == PLAIN
    assert mounted.delete("sys/mounts/elsewhere").status_code == 204
    mounted.mount("elsewhere", "transit", version=None)
    assert mounted.put("elsewhere/decrypt/k", ciphertext=text).status_code == 400


@pytest.mark.parametrize(
    "path", ["transit/keys/../../sys/mounts", "transit/keys/.", "transit/keys/%2e%2e", "transit//keys"]
)
def test_no_path_leads_around_a_rule(mounted: Any, path: str) -> None:
    user = asked_with(mounted, 'path "transit/keys/*" { capabilities = ["read"] }')
    assert user.get(f"transit/{path}").status_code in (400, 403, 404)
