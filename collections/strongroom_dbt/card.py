"""The card of the collection for dbt."""

from __future__ import annotations

from strongroom.collections import CollectionCard

CARD = CollectionCard(
    title="dbt",
    purpose="dbt projects built in flows: profiles from warehouse blocks, a task for each command.",
    task_modules=("strongroom_dbt.tasks", "strongroom_dbt.cli.commands"),
    extra="dbt",
    docs="docs/how-to/dbt.md",
)
