"""The verbs of a database over one open connection."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from typing import Any, ClassVar

from strongroom_blocks.databases.capability import Parameters, RowBatch
from strongroom_blocks.databases.identifiers import column_name, table_name
from strongroom_blocks.databases.placeholders import insertion
from strongroom_blocks.twins import async_twin, stepped


class SqlSession(ABC):
    """The verbs of :class:`~strongroom_blocks.databases.capability.DatabaseVerbs` on a connection that somebody else
    opens, commits and closes. For one thread at a time.

    ``connection`` is the driver's own.
    """

    def __init__(self, connection: Any) -> None:
        self.connection = connection

    @abstractmethod
    def _run(self, sql: str, parameters: Parameters) -> Any:
        """Run a statement; a cursor (PEP 249) on its answer."""

    @abstractmethod
    def execute_many(self, sql: str, seq_of_parameters: Iterable[Any]) -> None:
        """Run a statement once for each row of parameters, all of them sequences, or all of them mappings."""

    async def aexecute_many(self, sql: str, seq_of_parameters: Iterable[Any]) -> None:
        """The asynchronous twin of :meth:`execute_many`."""
        await asyncio.to_thread(self.execute_many, sql, seq_of_parameters)

    def execute(self, sql: str, parameters: Parameters = None) -> None:
        """Run a statement."""
        self._run(sql, parameters)

    aexecute: ClassVar = async_twin(execute)

    def fetch_one(self, sql: str, parameters: Parameters = None) -> tuple[Any, ...] | None:
        """The first row, or None."""
        row = self._run(sql, parameters).fetchone()
        return None if row is None else tuple(row)

    afetch_one: ClassVar = async_twin(fetch_one)

    def fetch_many(self, sql: str, parameters: Parameters = None, size: int = 100) -> list[tuple[Any, ...]]:
        """The first ``size`` rows."""
        return [tuple(row) for row in self._run(sql, parameters).fetchmany(size)]

    afetch_many: ClassVar = async_twin(fetch_many)

    def fetch_all(self, sql: str, parameters: Parameters = None) -> list[tuple[Any, ...]]:
        """Every row."""
        return [tuple(row) for row in self._run(sql, parameters).fetchall()]

    afetch_all: ClassVar = async_twin(fetch_all)

    def iter_batches(self, sql: str, parameters: Parameters = None, *, size: int = 1000) -> Iterator[RowBatch]:
        """The rows of a query, ``size`` at a time, in bounded memory; at least one batch, which may be empty."""
        yield from batches(self._run(sql, parameters), size)

    def aiter_batches(self, sql: str, parameters: Parameters = None, *, size: int = 1000) -> AsyncIterator[RowBatch]:
        """The asynchronous twin of :meth:`iter_batches`."""
        return stepped(self.iter_batches(sql, parameters, size=size))

    def iter_rows(self, sql: str, parameters: Parameters = None, *, size: int = 1000) -> Iterator[dict[str, Any]]:
        """The rows of a query as dicts, in bounded memory.

        :raises InvalidName: two columns have one name.
        """
        for batch in self.iter_batches(sql, parameters, size=size):
            yield from batch.dicts()

    async def aiter_rows(
        self, sql: str, parameters: Parameters = None, *, size: int = 1000
    ) -> AsyncIterator[dict[str, Any]]:
        """The asynchronous twin of :meth:`iter_rows`, which changes threads once a batch."""
        async for batch in self.aiter_batches(sql, parameters, size=size):
            for row in batch.dicts():
                yield row

    def insert_rows(self, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> int:
        """Append rows to a table in bounded memory, by the fastest way that there is; how many they were.

        :raises InvalidName: the table or a column has no name that a statement may hold.
        """
        sql, names = insertion(table_name(table), [column_name(name) for name in columns])
        counted = Counted(rows)
        self.execute_many(sql, (dict(zip(names, row, strict=True)) for row in counted))
        return counted.number

    async def ainsert_rows(self, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> int:
        """The asynchronous twin of :meth:`insert_rows`."""
        return await asyncio.to_thread(self.insert_rows, table, columns, rows)


class Counted:
    """Rows, and how many of them were taken."""

    def __init__(self, rows: Iterable[Any]) -> None:
        self.number = 0
        self._rows = rows

    def __iter__(self) -> Iterator[Any]:
        for row in self._rows:
            self.number += 1
            yield row


def batches(cursor: Any, size: int) -> Iterator[RowBatch]:
    """What a cursor (PEP 249) still holds, ``size`` rows at a time; nothing where its statement gives no rows."""
    if cursor.description is None:
        return
    columns = tuple(str(column[0]) for column in cursor.description)
    rows = [tuple(row) for row in cursor.fetchmany(size)]
    while True:
        yield RowBatch(columns, rows)
        rows = [tuple(row) for row in cursor.fetchmany(size)]
        if not rows:
            return


def chunks(rows: Iterable[Any], size: int) -> Iterator[list[Any]]:
    """Rows, ``size`` of them at a time."""
    chunk: list[Any] = []
    for row in rows:
        chunk.append(row)
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
