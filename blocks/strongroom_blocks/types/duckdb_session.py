"""The verbs of a database on a connection of DuckDB's."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from strongroom_blocks.databases.capability import Parameters
from strongroom_blocks.databases.identifiers import column_name, table_name
from strongroom_blocks.databases.placeholders import neutral, peeked
from strongroom_blocks.databases.session import Counted, SqlSession, chunks

_CHUNK = 10_000


class DuckDBSession(SqlSession):
    """Placeholders are ``:name``, ``?``, ``$1`` or ``$name``."""

    def _run(self, sql: str, parameters: Parameters) -> Any:
        return self.connection.execute(neutral(sql, parameters, "dollar") or sql, parameters)

    def execute_many(self, sql: str, seq_of_parameters: Iterable[Any]) -> None:
        """Run a statement once for each row of parameters."""
        first, rows = peeked(seq_of_parameters)
        statement = neutral(sql, first, "dollar") or sql
        for chunk in chunks(rows, _CHUNK):
            self.connection.executemany(statement, [row if isinstance(row, dict) else list(row) for row in chunk])

    def insert_rows(self, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> int:
        """Append rows to a table, a list for each column at a time, since DuckDB thinks in columns; how many they were.

        :raises InvalidName: the table or a column has no name that a statement may hold.
        """
        names = ", ".join(column_name(name) for name in columns)
        lists = ", ".join(f"unnest(${number})" for number in range(1, len(columns) + 1))
        counted = Counted(rows)
        for chunk in chunks(counted, _CHUNK):
            by_column = [list(column) for column in zip(*chunk, strict=True)]
            self.connection.execute(f"insert into {table_name(table)} ({names}) select {lists}", by_column)
        return counted.number
