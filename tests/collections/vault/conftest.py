"""No Vault of whoever runs the tests, and logins to the fake one."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from servers.vault import FakeVault
from strongroom_vault import TokenAuth, VaultCredentials, sessions


@pytest.fixture(autouse=True)
def no_vault_of_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The home folder of the test, where ``vault login`` would write a token."""
    sessions._pool.clear()
    for name in ("ADDR", "TOKEN", "NAMESPACE", "CACERT", "SKIP_VERIFY", "CLIENT_TIMEOUT", "ROLE_ID", "SECRET_ID"):
        monkeypatch.delenv(f"VAULT_{name}", raising=False)
    monkeypatch.delenv("VAULT_KUBERNETES_ROLE", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def at_vault(vault: FakeVault, monkeypatch: pytest.MonkeyPatch) -> FakeVault:
    """The fake Vault, to which the environment leads as root."""
    monkeypatch.setenv("VAULT_ADDR", vault.address)
    monkeypatch.setenv("VAULT_TOKEN", vault.root)
    return vault


@pytest.fixture
def login(vault: FakeVault) -> VaultCredentials:
    """A root's login."""
    return VaultCredentials(url=vault.address, auth=TokenAuth(token=vault.root))


@pytest.fixture
def nobody_there() -> str:
    """An address where nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"
