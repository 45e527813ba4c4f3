"""The block types that come with Strongroom."""

from strongroom_blocks.types.duckdb import DuckDB
from strongroom_blocks.types.json import JSON
from strongroom_blocks.types.local_folder import LocalFolder
from strongroom_blocks.types.secret import Secret

LocalFileSystem = LocalFolder

__all__ = ["JSON", "DuckDB", "LocalFileSystem", "LocalFolder", "Secret"]
