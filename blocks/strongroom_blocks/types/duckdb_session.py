"""The verbs of a database on a connection of DuckDB's."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

from strongroom_blocks.databases.capability import Parameters
from strongroom_blocks.databases.identifiers import column_name, table_name
from strongroom_blocks.databases.interrupts import interruptibly
from strongroom_blocks.databases.placeholders import neutral, peeked
from strongroom_blocks.databases.session import Counted, SqlSession, chunks

_CHUNK = 10_000


class DuckDBSession(SqlSession):
    """Placeholders are ``:name``, ``?``, ``$1`` or ``$name``."""

    def _run(self, sql: str, parameters: Parameters) -> Any:
        statement = neutral(sql, parameters, "dollar") or sql
        return self._ended_by_interrupts(lambda: self.connection.execute(statement, parameters))

    def execute_many(self, sql: str, seq_of_parameters: Iterable[Any]) -> None:
        """Run a statement once for each row of parameters."""
        first, rows = peeked(seq_of_parameters)
        statement = neutral(sql, first, "dollar") or sql
        for chunk in chunks(rows, _CHUNK):
            values = [row if isinstance(row, dict) else list(row) for row in chunk]
            self._ended_by_interrupts(partial(self.connection.executemany, statement, values))

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

    def _ended_by_interrupts(self, call: Callable[[], Any]) -> Any:
        return interruptibly(call, self.connection.interrupt)
