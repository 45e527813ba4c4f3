"""The block types that come with Strongroom; each is loaded when it is first asked for."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from strongroom_blocks.types.connection import Connection as Connection
    from strongroom_blocks.types.duckdb import DuckDB as DuckDB
    from strongroom_blocks.types.json import JSON as JSON
    from strongroom_blocks.types.local_folder import LocalFolder as LocalFileSystem
    from strongroom_blocks.types.local_folder import LocalFolder as LocalFolder
    from strongroom_blocks.types.postgresql import PostgreSQL as PostgreSQL
    from strongroom_blocks.types.secret import Secret as Secret
    from strongroom_blocks.types.sql_database import SqlDatabase as SqlDatabase

_HOMES = {
    "Connection": ("connection", "Connection"),
    "DuckDB": ("duckdb", "DuckDB"),
    "JSON": ("json", "JSON"),
    "LocalFileSystem": ("local_folder", "LocalFolder"),
    "LocalFolder": ("local_folder", "LocalFolder"),
    "PostgreSQL": ("postgresql", "PostgreSQL"),
    "Secret": ("secret", "Secret"),
    "SqlDatabase": ("sql_database", "SqlDatabase"),
}

__all__ = ["JSON", "Connection", "DuckDB", "LocalFileSystem", "LocalFolder", "PostgreSQL", "Secret", "SqlDatabase"]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home, attribute = _HOMES[name]
    value = globals()[name] = getattr(import_module(f"{__name__}.{home}"), attribute)
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
