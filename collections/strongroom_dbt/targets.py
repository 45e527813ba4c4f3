"""From a block that holds a warehouse's connection to the target that dbt wants for it."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from strongroom import Block, DuckDB, MissingExtra

from strongroom_dbt.errors import DbtProfileInvalid


@runtime_checkable
class DbtWarehouse(Protocol):
    """A block that knows its own dbt target: what a collection gives the block of a warehouse that dbt can build in."""

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
        "Give the class a method `dbt_target() -> dict`, or write the target into `settings` and `secrets`.",
    )


def require_adapter(adapter: str) -> None:
    """Whether dbt's adapter of this type is installed.

    :raises MissingExtra: it is not.
    """
    if importlib.util.find_spec("dbt") is None or importlib.util.find_spec(f"dbt.adapters.{adapter}") is None:
        package = '"strongroom[dbt]"' if adapter == "duckdb" else f"dbt-{adapter}"
        raise MissingExtra(f'The dbt adapter "{adapter}" is not installed.', f"Run: pip install {package}")


def _duckdb(warehouse: DuckDB) -> Mapping[str, Any]:
    if warehouse.read_only:
        raise DbtProfileInvalid(
            "The DuckDB block is read-only, and dbt writes.", "Save it with read_only=False, or take another one."
        )
    if warehouse.path == ":memory:":
        raise DbtProfileInvalid(
            "A DuckDB in memory is seen by this process alone, and dbt runs in one of its own.",
            'Give the DuckDB block a file: DuckDB(path="warehouse.duckdb").',
        )
    elsewhere = warehouse.path.startswith(("md:", "motherduck:"))
    path = warehouse.path if elsewhere else str(Path(warehouse.path).expanduser().resolve())
    return {"type": "duckdb", "path": path, "config_options": dict(warehouse.settings)}
