"""The card of the collection for Vault."""

from __future__ import annotations

from strongroom.collections import CollectionCard

CARD = CollectionCard(
    title="Vault",
    purpose="Credentials for HashiCorp Vault and OpenBao, keys in the transit engine, secrets that stay there.",
    extra="vault",
    docs="docs/how-to/vault-secrets.md",
)
