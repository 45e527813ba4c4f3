"""What the collection costs before it is used, and what it says where the SDK is missing."""

from __future__ import annotations

import subprocess
import sys

import pytest
from strongroom import MissingExtra
from strongroom.keys import KeyUnavailable
from strongroom_blocks import catalog
from strongroom_vault import TokenAuth, TransitKey, VaultCredentials, VaultSource


def test_the_sdk_is_not_loaded_before_it_is_used() -> None:
    code = """if True:
        import sys, strongroom_vault, strongroom_vault.importer, strongroom_vault.errors
        from strongroom_vault import TokenAuth, TransitKey, VaultCredentials, VaultSource
        VaultSource(VaultCredentials(url="https://vault", auth=TokenAuth(token="x"))).check("secret/crm#token")
        TransitKey.from_uri("vault-transit:transit/one")
        print([name for name in sys.modules if name.split(".")[0] in {"hvac", "requests", "urllib3"}])
    """
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


def test_a_missing_sdk_is_named_with_what_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "hvac", None)
    credentials = VaultCredentials(url="https://vault", auth=TokenAuth(token="some-token"))
    for ask in (
        credentials.get_client,
        lambda: credentials.check(1),
        lambda: VaultSource(credentials).fetch(["secret/crm#token"], timeout=1),
    ):
        with pytest.raises(MissingExtra, match=r'pip install "strongroom\[vault\]"'):
            ask()
    with pytest.raises(KeyUnavailable, match=r'pip install "strongroom\[vault\]"'):
        TransitKey("transit", "one", credentials=credentials).wrap(bytes(32), b"")


def test_the_type_is_found_by_its_slug() -> None:
    assert catalog.find("vault-credentials").load() is VaultCredentials
