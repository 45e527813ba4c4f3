"""The card of the collection for Google Cloud."""

from __future__ import annotations

from strongroom.collections import CollectionCard

CARD = CollectionCard(
    title="Google Cloud",
    purpose="Credentials, buckets and secrets with tasks over them, keys in Cloud KMS, secrets that stay there.",
    task_modules=("strongroom_gcp.cloud_storage", "strongroom_gcp.secret_manager"),
    extra="gcp",
    docs="docs/how-to/gcs.md",
)
