"""Rows of Parquet files in a store, through DuckDB, which fetches the parts of them that it needs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from strongroom_blocks.extras import require_extra
from strongroom_blocks.stores.listing import literal_prefix

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from strongroom_blocks.capabilities import ObjectStore


@dataclass(frozen=True, slots=True)
class Selection:
    """Which columns and rows of which files."""

    store: ObjectStore
    path: str
    columns: Sequence[str] = ()
    where: str | None = None
    parameters: Sequence[Any] | Mapping[str, Any] | None = None
    limit: int | None = None

    def rows(self) -> list[dict[str, Any]]:
        """Each row by column."""
        with self._result() as result:
            names = [column[0] for column in result.description or ()]
            return [dict(zip(names, row, strict=True)) for row in result.fetchall()]

    @contextmanager
    def _result(self) -> Iterator[DuckDBPyConnection]:
        keys = self._keys()
        filesystem = self.store.filesystem()
        duckdb = require_extra("duckdb", extra="duckdb")
        with closing(duckdb.connect()) as connection:
            connection.register_filesystem(filesystem)
            files = [f"{filesystem.protocol}://{key}" for key in keys]
            yield connection.execute(self._sql(files), self.parameters)

    def _keys(self) -> list[str]:
        if literal_prefix(self.path) == self.path.lstrip("/") or self.store.path_exists(self.path):
            return [self.store.stat_object(self.path).key]
        keys = [entry.key for entry in self.store.iter_objects(pattern=self.path)]
        if not keys:
            raise FileNotFoundError(f"No object fits {self.path!r} in {self.store.url('')}.")
        return keys

    def _sql(self, files: list[str]) -> str:
        names = ", ".join('"' + name.replace('"', '""') + '"' for name in self.columns) or "*"
        listed = ", ".join("'" + file.replace("'", "''") + "'" for file in files)
        sql = f"select {names} from read_parquet([{listed}])"  # noqa: S608  the values of the condition are bound
        if self.where:
            sql += f" where {self.where}"
        return sql if self.limit is None else f"{sql} limit {int(self.limit)}"
