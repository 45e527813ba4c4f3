"""Strongroom's own clients of Vault, which know nothing of who answers them, against a server of Strongroom's."""

from __future__ import annotations

from collections.abc import Iterator

import hvac
import pytest
from pydantic import SecretStr
from servers.service import Served, serve
from strongroom import Block, secret_from
from strongroom_registry import open_registry
from strongroom_registry.keys import KeyProvider, resolve
from strongroom_registry.testing_keys import KeyProviderContract
from strongroom_vault import sessions


class VaultApiCrm(Block):
    """A field that stays where it is."""

    token: SecretStr


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server with a mount of each kind."""
    home = str(tmp_path_factory.mktemp("server"))
    started = serve({"STRONGROOM_HOME": home, "XDG_CONFIG_HOME": home})
    root = hvac.Client(url=started.url, token=started.token)
    root.sys.enable_secrets_engine("transit")
    for name in ("one", "other"):
        root.secrets.transit.create_key(name)
        root.secrets.transit.create_key(f"{name}-derived", derived=True, convergent_encryption=True)
    root.sys.enable_secrets_engine("kv", path="secret", options={"version": "2"})
    root.sys.enable_secrets_engine("kv", path="old", options={"version": "1"})
    root.sys.enable_auth_method("approle")
    yield started
    started.stop()


@pytest.fixture(autouse=True)
def at_server(server: Served, monkeypatch: pytest.MonkeyPatch) -> hvac.Client:
    """The environment leads to the server as root."""
    sessions._pool.clear()
    for name in ("NAMESPACE", "CACERT", "SKIP_VERIFY", "CLIENT_TIMEOUT", "ROLE_ID", "SECRET_ID", "KUBERNETES_ROLE"):
        monkeypatch.delenv(f"VAULT_{name}", raising=False)
    monkeypatch.setenv("VAULT_ADDR", server.url)
    monkeypatch.setenv("VAULT_TOKEN", server.token)
    return hvac.Client(url=server.url, token=server.token)


class TestTransitKey(KeyProviderContract):
    def make(self) -> KeyProvider:
        return resolve("vault-transit:transit/one")

    def make_other(self) -> KeyProvider:
        return resolve("vault-transit:transit/other")


class TestDerivedTransitKey(KeyProviderContract):
    def make(self) -> KeyProvider:
        return resolve("vault-transit:transit/one-derived")

    def make_other(self) -> KeyProvider:
        return resolve("vault-transit:transit/other-derived")


def test_a_registry_has_its_key_there(at_server: hvac.Client) -> None:
    with open_registry("memory:", key="vault-transit:transit/one") as registry:
        registry.put("doc", type="t", schema="s", payload=b"sealed")
        at_server.secrets.transit.rotate_key("one")
        assert registry.get("doc").payload == b"sealed"


@pytest.mark.parametrize("mount", ["secret", "old"])
def test_a_secret_stays_there_and_is_read_by_a_machine_that_may(
    at_server: hvac.Client, monkeypatch: pytest.MonkeyPatch, mount: str
) -> None:
    kv = at_server.secrets.kv
    write = kv.v2.create_or_update_secret if mount == "secret" else kv.v1.create_or_update_secret
    write("crm", secret={"token": "from there"}, mount_point=mount)
    place = f"{mount}/data/crm" if mount == "secret" else f"{mount}/crm"
    at_server.sys.create_or_update_policy("reader", f'path "{place}" {{ capabilities = ["read"] }}')
    at_server.auth.approle.create_or_update_approle("reader", token_policies=["reader"], token_ttl="10m")
    monkeypatch.delenv("VAULT_TOKEN")
    monkeypatch.setenv("VAULT_ROLE_ID", at_server.auth.approle.read_role_id("reader")["data"]["role_id"])
    monkeypatch.setenv("VAULT_SECRET_ID", at_server.auth.approle.generate_secret_id("reader")["data"]["secret_id"])
    sessions._pool.clear()
    crm = VaultApiCrm(token=secret_from(f"vault:{mount}/crm#token"))
    assert crm.token.get_secret_value() == "from there"
