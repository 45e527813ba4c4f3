"""The card of the collection for Google Cloud."""

from __future__ import annotations

from strongroom.collections import CollectionCard

CARD = CollectionCard(
    title="Google Cloud",
    purpose="Credentials, keys in Cloud KMS, secrets that stay in Secret Manager.",
    extra="gcp",
    docs="docs/how-to/gcp-secrets.md",
)
