"""Blocks, read as secrets of a KV mount."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from canaries import Plant
from pydantic import SecretStr
from servers.service import TokenFor
from starlette.testclient import TestClient
from strongroom_blocks import Block, SecretDict
from strongroom_blocks.types.connection import Connection
from strongroom_blocks.types.secret import Secret
from strongroom_registry.current import using
from strongroom_service.service import Service

if TYPE_CHECKING:
    from conftest import Vault

ACL = 'path "blocks/*" { capabilities = ["read", "list"] }'


@pytest.fixture
def saved(service: Service, canary: Plant) -> str:
    """The password of the block ``crm`` of the workspace ``analytics``, at its second version."""
    password = canary("password")
    service.workspaces.add("analytics")
    with using(service.registry("analytics")):
        Connection(conn_type="postgres", host="old", password=SecretStr(canary())).save("crm")
        Connection(
            conn_type="postgres", host="db", login="etl", password=SecretStr(password), extra=SecretDict({"ssl": True})
        ).save("crm", overwrite=True)
        Secret(value=SecretStr(canary())).save("other")
    return password


def _rights(client: TestClient, name: str, *verbs: str, path: str = "analytics/crm") -> None:
    rules = [{"effect": "allow", "paths": [path], "verbs": list(verbs)}]
    assert client.put(f"/api/v1/policies/{name}", json={"rules": rules}).status_code == 200


def test_the_fields_of_a_block_are_read(vault: Vault, saved: str) -> None:
    answer = vault.get("blocks/data/analytics/crm").json()["data"]
    assert answer["data"]["password"] == saved
    assert (answer["data"]["host"], answer["data"]["login"], answer["data"]["extra"]) == ("db", "etl", {"ssl": True})
    assert (answer["metadata"]["version"], answer["metadata"]["custom_metadata"]) == (2, {"type": "connection"})
    assert vault.get("blocks/data/analytics/crm", version=1).json()["data"]["data"]["host"] == "old"
    assert vault.get("blocks/subkeys/analytics/crm").json()["data"]["subkeys"]["password"] is None


def test_versions_and_names_are_listed(vault: Vault, saved: str) -> None:
    assert vault.list("blocks/metadata/analytics").json()["data"]["keys"] == ["crm", "other"]
    assert vault.list("blocks/metadata").json()["data"]["keys"] == ["analytics/", "default/"]
    found = vault.get("blocks/metadata/analytics/crm").json()["data"]
    assert (found["current_version"], sorted(found["versions"])) == (2, ["1", "2"])


def test_both_kinds_of_policies_are_asked(vault: Vault, client: TestClient, token_for: TokenFor, saved: str) -> None:
    vault.policy("acl", ACL)
    _rights(client, "reveals", "reveal")
    _rights(client, "views", "view", "list")
    paths = ("data/analytics/crm", "metadata/analytics/crm", "subkeys/analytics/crm")
    may = {
        policies: [vault.of(token_for(*policies)).get(f"blocks/{path}").status_code for path in paths]
        for policies in (("acl",), ("reveals",), ("acl", "reveals"), ("acl", "views"))
    }
    assert may == {
        ("acl",): [403, 403, 403],
        ("reveals",): [403, 403, 403],
        ("acl", "reveals"): [200, 403, 200],
        ("acl", "views"): [403, 200, 403],
    }
    listed = vault.of(token_for("acl", "views")).list("blocks/metadata/analytics")
    assert listed.json()["data"]["keys"] == ["crm"]
    assert vault.of(token_for("acl")).list("blocks/metadata/analytics").status_code == 404


def test_a_version_that_may_not_be_revealed_is_not(
    vault: Vault, client: TestClient, token_for: TokenFor, saved: str
) -> None:
    vault.policy("acl", ACL)
    _rights(client, "first", "reveal", path="analytics/crm@1")
    first = vault.of(token_for("acl", "first"))
    assert first.get("blocks/data/analytics/crm", version=1).status_code == 200
    assert first.get("blocks/data/analytics/crm").status_code == 403
    assert first.get("blocks/data/analytics/crm", version=2).status_code == 403


def test_a_reveal_is_in_the_audit_of_the_workspace(vault: Vault, service: Service, saved: str) -> None:
    vault.get("blocks/data/analytics/crm")
    entry = next(service.registry("analytics").audit(limit=1))
    assert (entry.action, entry.name, entry.version, entry.outcome) == ("load", "crm", 2, "done")
    assert entry.actor.startswith("root#")


def test_what_is_gone_is_told(vault: Vault, service: Service, saved: str) -> None:
    registry = service.registry("analytics")
    registry.destroy("crm", 1)
    answer = vault.get("blocks/data/analytics/crm", version=1)
    assert (answer.status_code, answer.json()["data"]["data"]) == (404, None)
    assert answer.json()["data"]["metadata"]["destroyed"] is True
    registry.delete("crm")
    for path in ("data/analytics/crm", "data/analytics/none", "data/none/crm", "metadata/none/crm", "data/analytics"):
        assert vault.get(f"blocks/{path}").status_code == 404, path


def test_blocks_are_written_by_other_ways_alone(vault: Vault, saved: str) -> None:
    for answer in (
        vault.put("blocks/data/analytics/crm", data={}),
        vault.delete("blocks/data/analytics/crm"),
        vault.patch("blocks/data/analytics/crm", data={}),
        vault.put("blocks/destroy/analytics/crm", versions=[1]),
        vault.delete("blocks/metadata/analytics/crm"),
    ):
        assert answer.status_code == 400


def test_workspaces_that_have_no_blocks_are_not_there(secret: Vault, service: Service) -> None:
    secret.put("secret/data/a", data={"n": 1})
    mounted = next(name for name in service.workspaces.names() if name.startswith("vault."))
    for workspace in (mounted, "strongroom.service", "..", "A"):
        assert secret.get(f"blocks/data/{workspace}/kv.a").status_code in (400, 404)
        assert secret.list(f"blocks/metadata/{workspace}").status_code in (400, 404)
    assert secret.list("blocks/metadata").json()["data"]["keys"] == ["default/"]


def test_values_of_every_kind_are_plain(vault: Vault, service: Service) -> None:
    from datetime import UTC, datetime
    from decimal import Decimal

    class Everything(Block, slug="everything-of-vault"):
        """One of each."""

        any_: Any = None
        when: datetime
        other: Block | None = None
        secret: SecretStr

    with using(service.registry("default")):
        inner = Everything(when=datetime(2026, 1, 1, tzinfo=UTC), secret=SecretStr("x" * 9))
        inner.save("inner")
        Everything(
            any_={"set": {1}, "bytes": b"\xff", "decimal": Decimal("1.50"), "tuple": (1, 2), "map": {1: "a"}},
            when=datetime(2026, 1, 2, tzinfo=UTC),
            other=inner,
            secret=SecretStr("y" * 9),
        ).save("outer")
    data = vault.get("blocks/data/default/outer").json()["data"]["data"]
    assert data["any_"] == {"set": [1], "bytes": "/w==", "decimal": "1.50", "tuple": [1, 2], "map": [[1, "a"]]}
    assert (data["when"][:10], data["secret"]) == ("2026-01-02", "y" * 9)
    assert data["other"]["$block"].startswith("inner")
