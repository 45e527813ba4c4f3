"""The verbs of a database on a connection of SQLAlchemy's."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, cast

from strongroom_blocks.databases.capability import Parameters, RowBatch
from strongroom_blocks.databases.placeholders import neutral, peeked
from strongroom_blocks.databases.session import SqlSession, chunks

if TYPE_CHECKING:
    from sqlalchemy import CursorResult

_CHUNK = 1000


class SqlAlchemySession(SqlSession):
    """Placeholders are ``:name``, or those of the driver below. ``connection`` is a ``sqlalchemy.Connection``."""

    def result(self, sql: str, parameters: Parameters = None, **options: Any) -> CursorResult[Any]:
        """Run a statement; SQLAlchemy's own result of it.

        :param options: execution options of SQLAlchemy's.
        """
        from sqlalchemy import text

        if not parameters:
            # Without the option a driver would look for its placeholders in what has none.
            connection = self.connection.execution_options(no_parameters=True, **options)
            return cast("CursorResult[Any]", connection.exec_driver_sql(sql))
        connection = self.connection.execution_options(no_parameters=False, **options)
        statement = neutral(sql, parameters, "text")
        if statement is not None:
            return cast("CursorResult[Any]", connection.execute(text(statement), parameters))
        return cast("CursorResult[Any]", connection.exec_driver_sql(sql, _driver_values(parameters)))

    def _run(self, sql: str, parameters: Parameters, **options: Any) -> Any:
        return _Answer(self.result(sql, parameters, **options))

    def execute_many(self, sql: str, seq_of_parameters: Iterable[Any]) -> None:
        """Run a statement once for each row of parameters, a thousand of them handed to the driver at a time."""
        from sqlalchemy import text

        first, rows = peeked(seq_of_parameters)
        statement = neutral(sql, first, "text")
        connection = self.connection.execution_options(no_parameters=False)
        for chunk in chunks(rows, _CHUNK):
            if statement is not None:
                connection.execute(text(statement), [dict(row) for row in chunk])
            else:
                connection.exec_driver_sql(sql, [_driver_values(row) for row in chunk])

    def iter_batches(self, sql: str, parameters: Parameters = None, *, size: int = 1000) -> Iterator[RowBatch]:
        """The rows of a query, ``size`` at a time, by a cursor of the server's where the driver has them."""
        answer = self._run(sql, parameters, stream_results=True, max_row_buffer=size)
        try:
            if answer.description is None:
                return
            columns = tuple(answer.columns)
            rows = answer.fetchmany(size)
            while True:
                yield RowBatch(columns, [tuple(row) for row in rows])
                rows = answer.fetchmany(size)
                if not rows:
                    return
        finally:
            answer.close()
            self.connection.execution_options(stream_results=False)


class _Answer:
    """A result of SQLAlchemy's as a cursor (PEP 249)."""

    def __init__(self, result: Any) -> None:
        self._result = result
        self.columns = list(result.keys()) if result.returns_rows else []
        self.description = [(name,) for name in self.columns] if result.returns_rows else None
        self.fetchone, self.fetchmany, self.fetchall = result.fetchone, result.fetchmany, result.fetchall
        self.close = result.close


def _driver_values(parameters: Any) -> Any:
    return dict(parameters) if hasattr(parameters, "keys") else tuple(parameters)
