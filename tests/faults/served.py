"""A registry whose rows lie open: each can be exchanged for another between two reads, as fast as a dictionary does
it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields, is_dataclass, replace
from typing import Any
from unittest.mock import patch

from strongroom_registry import Registry, open_registry
from strongroom_registry.embedded import EmbeddedRegistry
from strongroom_registry.stores.memory import MemoryStore
from strongroom_registry.tree import Trie

COLUMNS = {
    "workspaces": ("id", "name", "record", "mac"),
    "keys": ("epoch", "provider", "fingerprint", "wrapped", "canary", "created_at"),
    "heads": ("name", "document", "record", "mac"),
    "versions": ("number", "record", "mac", "note", "public", "wrap", "body"),
    "nodes": ("node",),
    "audit": ("seq", "record", "mac"),
}
"""What is sealed, MACed or proved by what is, by table. ``path`` of a head and the table of uses only say where to
look."""
PLACED_BY = {"heads": ("name", 1), "versions": ("number", 1), "audit": ("seq", 1), "workspaces": ("id", 0)}
"""Columns that a row is found by, and their place in its key."""


class ServedStore(MemoryStore):
    """A store in memory that outlives the registries over it."""

    def close(self) -> None:
        """Nothing: the next registry opens the same rows."""

    def rows(self, table: str) -> dict[Any, Any]:
        return self._tables.rows[table]

    def kept(self) -> dict[str, dict[Any, Any]]:
        """All rows as they are now, for :meth:`put_back`."""
        return {table: dict(rows) for table, rows in self._tables.rows.items()}

    def put_back(self, kept: dict[str, dict[Any, Any]]) -> None:
        for table, rows in kept.items():
            self._tables.rows[table] = dict(rows)

    @contextmanager
    def exchanged(self, table: str, key: Any, column: str, value: Any) -> Iterator[Any]:
        """One column of one row is another within the block; yields the row as it is then."""
        rows = self.rows(table)
        row = rows.pop(key)
        changed = with_column(row, column, value)
        new_key = key
        if PLACED_BY.get(table, ("", 0))[0] == column:
            place = PLACED_BY[table][1]
            new_key = (*key[:place], value, *key[place + 1 :])
        shadowed = rows.get(new_key)
        rows[new_key] = changed
        try:
            yield changed
        finally:
            del rows[new_key]
            if shadowed is not None:
                rows[new_key] = shadowed
            rows[key] = row


def column_of(row: Any, column: str) -> Any:
    return row if isinstance(row, bytes) else getattr(row, column)


def with_column(row: Any, column: str, value: Any) -> Any:
    """The row with another value in a column; a node of the trie is its only column."""
    if isinstance(row, bytes):
        return value
    return replace(row, **{column: value}) if is_dataclass(row) else row._replace(**{column: value})


def columns_of(row: Any) -> tuple[str, ...]:
    if isinstance(row, bytes):
        return ("node",)
    return tuple(field.name for field in fields(row)) if is_dataclass(row) else row._fields


@contextmanager
def served_by(store: ServedStore) -> Iterator[None]:
    """Have ``memory:`` mean this store within the block."""
    with patch("strongroom_registry.opening.open_store", lambda *_, **__: store):
        yield


def opened_over(store: ServedStore, key: str, *, create: bool = False) -> Registry:
    """The registry over a store, opened as a new process does."""
    with served_by(store):
        return open_registry("memory:", key=key, actor="evidence", create=create)


def newcomer(registry: Registry) -> Registry:
    """The same registry as a process sees it that has read nothing yet, without asking the key provider again."""
    return EmbeddedRegistry(registry._access.store, replace(registry._access.authority, trie=Trie()), actor="evidence")
