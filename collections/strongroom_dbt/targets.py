"""From a block that holds a warehouse's connection to the target that dbt wants for it."""

from __future__ import annotations

import getpass
import importlib.util
from collections.abc import Callable, Mapping
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from strongroom import Block, DuckDB, MissingExtra, PostgreSQL

from strongroom_dbt.errors import DbtProfileInvalid


@runtime_checkable
class DbtWarehouse(Protocol):
    """A block that knows its own dbt target: what a collection gives the block of a warehouse that dbt can build in."""

    def dbt_target(self) -> Mapping[str, Any]:
        """One output of ``profiles.yml``: ``type`` and the adapter's own settings.

        A secret stays wrapped in its secret kind; it reaches dbt through the environment of one process.
        """
        ...


TargetBuilder = Callable[[Any], Mapping[str, Any]]
"""Makes the dbt target of a block. The entry points of the group ``strongroom.dbt_targets`` name one for a block type:
``lakehouse = "strongroom_lakehouse.dbt:target"``, for blocks whose class has no ``dbt_target()`` of its own."""


def target_of(warehouse: Block) -> Mapping[str, Any]:
    """The dbt target of a warehouse block.

    :raises DbtProfileInvalid: the block is no warehouse that dbt could be told of.
    """
    if isinstance(warehouse, DbtWarehouse):
        return warehouse.dbt_target()
    if (build := _builder(type(warehouse))) is not None:
        return build(warehouse)
    raise DbtProfileInvalid(
        f"{type(warehouse).__name__} is no warehouse that dbt can be told of.",
        "Give the class a method `dbt_target() -> dict`, or write the target into `settings` and `secrets`.",
    )


def _builder(type_: type[Block]) -> TargetBuilder | None:
    """What makes the target of a block type: of its own slug, or of the nearest type that it is made from."""
    offered = {point.name: point for point in entry_points(group="strongroom.dbt_targets")}
    for ancestor in type_.__mro__:
        slug = ancestor.get_block_type_slug() if issubclass(ancestor, Block) and ancestor is not Block else None
        if slug in offered:
            return offered[slug].load()  # type: ignore[no-any-return]
        if slug in _BUILDERS:
            return _BUILDERS[str(slug)]
    return None


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
    return {"type": "duckdb", "path": path, "schema": "main", "config_options": dict(warehouse.settings)}


def _postgresql(warehouse: PostgreSQL) -> Mapping[str, Any]:
    target = {
        "type": "postgres",
        "host": warehouse.host,
        "port": warehouse.port,
        "dbname": warehouse.database,
        "user": warehouse.user or getpass.getuser(),
        "password": warehouse.password or "",  # which makes the driver look at PGPASSWORD and ~/.pgpass
        "schema": "public",
        "sslmode": warehouse.sslmode,
        "sslrootcert": warehouse.sslrootcert,
        "connect_timeout": warehouse.connect_timeout,
    }
    options = dict(warehouse.options)
    target["search_path"] = options.pop("search_path", None)
    target["role"] = options.pop("role", None)
    if options:
        raise DbtProfileInvalid(
            f"dbt's PostgreSQL adapter cannot set {', '.join(sorted(options))} of the block's `options`.",
            "Set them for the user in the database: alter role ... set ...; or take a block without them.",
        )
    return {name: value for name, value in target.items() if value is not None}


def _bigquery(credentials: Any) -> Mapping[str, Any]:
    """From the login to Google Cloud; the dataset is the profile's ``schema_name``."""
    target: dict[str, Any] = {"type": "bigquery", "method": "oauth"}
    if credentials.service_account_info is not None:
        target |= {"method": "service-account-json", "keyfile_json": credentials.service_account_info}
    elif credentials.service_account_file is not None:
        file = Path(credentials.service_account_file).expanduser().resolve()
        target |= {"method": "service-account", "keyfile": str(file)}
    if credentials.impersonate_service_account is not None:
        target["impersonate_service_account"] = credentials.impersonate_service_account
    return {**target, "project": credentials.get_project(), "scopes": list(credentials.scopes)}


_BUILDERS: Mapping[str, TargetBuilder] = {
    "duckdb": _duckdb,
    "postgresql": _postgresql,
    "gcp-credentials": _bigquery,
}
"""The builders of block types that know nothing of dbt, by slug: a collection imports no other one."""
