"""Programs that know Vault, at a server of ours in a process of its own."""

from __future__ import annotations

from collections.abc import Iterator

import hvac
import pytest
from canaries import Plant
from hvac.exceptions import Forbidden, InvalidPath
from pydantic import SecretStr
from servers.service import Served
from strongroom import Secret
from strongroom.interchange import FoundDocument
from strongroom_vault import VaultCredentials, kv
from strongroom_vault.importer import secrets


@pytest.fixture
def client(served: Served, monkeypatch: pytest.MonkeyPatch) -> Iterator[hvac.Client]:
    """hvac, logged in as root, with a mount of each version of KV; the environment is that of Vault's own tools."""
    monkeypatch.setenv("VAULT_ADDR", served.url)
    monkeypatch.setenv("VAULT_TOKEN", served.token)
    connected = hvac.Client(url=served.url, token=served.token)
    connected.sys.enable_secrets_engine("kv", path="secret", options={"version": "2"})
    connected.sys.enable_secrets_engine("kv", path="old", options={"version": "1"})
    yield connected
    connected.adapter.close()


def test_secrets_are_imported_from_our_own_server(client: hvac.Client, canary: Plant) -> None:
    fields = {"user": "etl", "password": canary()}
    client.secrets.kv.v2.create_or_update_secret("team/db", fields)
    client.secrets.kv.v2.create_or_update_secret("Ünicode name", {"value": "x" * 9})
    client.secrets.kv.v1.create_or_update_secret("a", {"value": "y" * 9}, mount_point="old")
    found = {one.source: one for one in secrets(["secret", "old"]) if isinstance(one, FoundDocument)}
    assert {path: one.fields["value"] for path, one in found.items()} == {
        "secret/team/db": fields,
        "secret/Ünicode name": "x" * 9,
        "old/a": "y" * 9,
    }


def test_blocks_are_read_by_clients_that_know_no_blocks(client: hvac.Client, canary: Plant) -> None:
    password = canary()
    Secret(value=SecretStr(password)).save("crm")
    read = client.secrets.kv.v2.read_secret_version("default/crm", mount_point="blocks", raise_on_deleted_version=False)
    assert read["data"]["data"] == {"value": password}
    assert client.secrets.kv.v2.list_secrets("default", mount_point="blocks")["data"]["keys"] == ["crm"]
    found = [one for one in secrets(["blocks/default"]) if isinstance(one, FoundDocument)]
    assert [(one.source, one.fields) for one in found] == [("blocks/default/crm", {"value": password})]


def test_the_collection_for_vault_reads_what_hvac_wrote(client: hvac.Client, canary: Plant) -> None:
    password = canary()
    client.secrets.kv.v2.create_or_update_secret("team/db", {"user": "etl"})
    client.secrets.kv.v2.patch("team/db", {"password": password})
    session = VaultCredentials.from_environment().session()
    assert kv.read(session, "secret/team/db") == {"user": "etl", "password": password}
    assert kv.read(session, "secret/team/db", 1) == {"user": "etl"}


def test_a_client_with_few_rights_is_told_so(client: hvac.Client, served: Served) -> None:
    client.secrets.kv.v2.create_or_update_secret("team/db", {"user": "etl"})
    client.sys.create_or_update_policy("reader", 'path "secret/data/team/*" { capabilities = ["read"] }')
    token = client.auth.token.create(policies=["reader"])["auth"]["client_token"]
    reader = hvac.Client(url=served.url, token=token)
    assert reader.is_authenticated()
    assert reader.secrets.kv.v2.read_secret_version("team/db", raise_on_deleted_version=True)
    with pytest.raises(InvalidPath):
        reader.secrets.kv.v2.read_secret_version("team/none", raise_on_deleted_version=True)
    for refused in (
        lambda: reader.secrets.kv.v2.read_secret_version("other", raise_on_deleted_version=True),
        lambda: reader.secrets.kv.v2.create_or_update_secret("team/db", {}),
        lambda: reader.secrets.kv.v2.list_secrets("team"),
        lambda: reader.sys.list_policies(),
    ):
        with pytest.raises(Forbidden):
            refused()
    reader.adapter.close()


def test_the_state_of_the_server_is_read(client: hvac.Client) -> None:
    assert client.sys.is_initialized()
    assert not client.sys.is_sealed()
    assert client.sys.read_health_status(method="GET")["initialized"]
    assert client.sys.read_leader_status()["ha_enabled"] is False
