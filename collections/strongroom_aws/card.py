"""The card of the collection for AWS."""

from __future__ import annotations

from strongroom.collections import CollectionCard

CARD = CollectionCard(
    title="AWS",
    purpose="Credentials, S3 buckets and tasks over them, keys in KMS, secrets that stay in AWS.",
    task_modules=(
        "strongroom_aws.s3",
        "strongroom_aws.secret_tasks",
        "strongroom_aws.client_waiter",
        "strongroom_aws.batch",
    ),
    extra="aws",
    docs="docs/how-to/object-stores.md",
)
