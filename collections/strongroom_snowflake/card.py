"""The card of the collection for Snowflake."""

from __future__ import annotations

from strongroom.collections import CollectionCard

CARD = CollectionCard(
    title="Snowflake",
    purpose="Databases in Snowflake: queries, transactions, loading and unloading, and who asks.",
    task_modules=("strongroom_snowflake.database",),
    extra="snowflake",
    docs="docs/how-to/snowflake.md",
)
