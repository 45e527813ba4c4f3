"""The card of what comes with Strongroom itself."""

from __future__ import annotations

from strongroom.collections.card import CollectionCard

CARD = CollectionCard(
    title="Strongroom",
    purpose="Secrets, settings, folders and databases, and tasks over every object store and database.",
    task_modules=("strongroom.objects", "strongroom.queries"),
    block_extras={"duckdb": "duckdb", "postgresql": "postgres", "sql-database": "sql"},
    packages=("strongroom", "strongroom_blocks"),
    built_in_keys=("env", "file", "keyring", "passphrase", "recovery"),
    docs="docs/how-to/block-types.md",
)
