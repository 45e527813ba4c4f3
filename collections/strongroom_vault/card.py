"""The card of the collection for Vault."""

from __future__ import annotations

from strongroom.collections import CollectionCard

CARD = CollectionCard(
    title="Vault",
    purpose="Logins to HashiCorp Vault and OpenBao, secrets to read and write there or to leave there, transit keys.",
    task_modules=("strongroom_vault.tasks",),
    extra="vault",
    docs="docs/how-to/vault-secrets.md",
)
