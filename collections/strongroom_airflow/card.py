"""The card of the collection for Airflow."""

from __future__ import annotations

from strongroom.collections import CollectionCard

CARD = CollectionCard(
    title="Airflow",
    purpose="A secrets backend by which Airflow reads connections, variables and configuration from blocks.",
    docs="docs/how-to/airflow.md",
)
