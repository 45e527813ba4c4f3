"""From a block that holds a warehouse's connection to the target that dbt wants for it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from strongroom import Block, DuckDB
from strongroom_dbt.errors import DbtProfileInvalid


@runtime_checkable
class DbtWarehouse(Protocol):
    """A block that knows its own dbt target. A collection whose warehouse dbt can build in gives its block this method."""

    def dbt_target(self) -> Mapping[str, Any]:
        """One output of ``profiles.yml``: ``type`` and the adapter's own settings.

        A secret stays wrapped in its secret kind; it reaches dbt through the environment of one process.
        """
        ...


def target_of(warehouse: Block) -> Mapping[str, Any]:
    """The dbt target of a warehouse block.

    :raises DbtProfileInvalid: the block is no warehouse that dbt could be told of.
    """
    if isinstance(warehouse, DbtWarehouse):
        return warehouse.dbt_target()
    if isinstance(warehouse, DuckDB):
        return _duckdb(warehouse)
    raise DbtProfileInvalid(
        f"{type(warehouse).__name__} is no warehouse that dbt can be told of.",
        "Give the class a method `dbt_target() -> dict`, or write the target into the profile's `settings` and `secrets`.",
    )


def _duckdb(warehouse: DuckDB) -> Mapping[str, Any]:
    if warehouse.read_only:
        raise DbtProfileInvalid(
            "The DuckDB block is read-only, and dbt writes.", "Save it with read_only=False, or take another one."
        )
    in_memory = str(warehouse.path) == ":memory:"
    return {"type": "duckdb", "path": ":memory:" if in_memory else str(Path(warehouse.path).expanduser().resolve())}
