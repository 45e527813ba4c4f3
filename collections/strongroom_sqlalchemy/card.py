"""The card of the collection for SQLAlchemy."""

from __future__ import annotations

from strongroom.collections import CollectionCard

CARD = CollectionCard(
    title="SQLAlchemy",
    purpose="Connectors for scripts that were written for prefect_sqlalchemy; new code has sql-database.",
    extra="sql",
    docs="docs/how-to/databases.md",
)
