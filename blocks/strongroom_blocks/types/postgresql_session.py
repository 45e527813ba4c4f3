"""The verbs of a database on a connection of psycopg's."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from strongroom_blocks.databases.capability import Parameters, RowBatch
from strongroom_blocks.databases.identifiers import column_name, table_name
from strongroom_blocks.databases.placeholders import neutral, peeked
from strongroom_blocks.databases.session import Counted, SqlSession, batches
from strongroom_blocks.databases.session_changes import changes_session


class PostgreSQLSession(SqlSession):
    """Placeholders are ``:name``, ``%s`` or ``%(name)s``.

    ``changed`` says whether something was set that outlasts the transaction.
    """

    changed = False

    def _run(self, sql: str, parameters: Parameters) -> Any:
        self.changed = self.changed or changes_session(sql)
        return self.connection.execute(_statement(sql, parameters), parameters)

    def execute_many(self, sql: str, seq_of_parameters: Iterable[Any]) -> None:
        """Run a statement once for each row of parameters, sent together."""
        self.changed = self.changed or changes_session(sql)
        first, rows = peeked(seq_of_parameters)
        if first is not None:
            with self.connection.cursor() as cursor:
                cursor.executemany(_statement(sql, first), rows)

    def iter_batches(self, sql: str, parameters: Parameters = None, *, size: int = 1000) -> Iterator[RowBatch]:
        """The rows of a query by a cursor of the server's, ``size`` at a time, in bounded memory."""
        with self.connection.cursor(name=f"strongroom_{secrets.token_hex(8)}") as cursor:
            self.changed = self.changed or changes_session(sql)
            cursor.execute(_statement(sql, parameters), parameters)
            yield from batches(cursor, size)

    def insert_rows(self, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> int:
        """Append rows to a table by ``COPY``; how many they were.

        :raises InvalidName: the table or a column has no name that a statement may hold.
        """
        names = ", ".join(column_name(name) for name in columns)
        counted = Counted(rows)
        statement = f"copy {table_name(table)} ({names}) from stdin".encode()
        with self.connection.cursor() as cursor:
            _write_mappings_as_json(cursor)
            with cursor.copy(statement) as copy:
                for row in counted:
                    copy.write_row(row)
        return counted.number


def _statement(sql: str, parameters: Any) -> bytes:
    return (neutral(sql, parameters, "pyformat") or sql).encode()


def _write_mappings_as_json(cursor: Any) -> None:
    """A mapping is what a column of JSON gives when it is read."""
    from psycopg.types.json import JsonDumper

    cursor.adapters.register_dumper(dict, JsonDumper)
