# mypy: disable-error-code="misc"
"""What tasks ask of a database: not which one it is, but that it understands SQL.

A block has the capability when it has the methods; no inheritance is needed, but
:class:`~strongroom_blocks.databases.verbs.SqlVerbs` gives most of them. The contract suite stands in
:mod:`strongroom_blocks.testing`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Final, Protocol, runtime_checkable

from strongroom_blocks.errors import InvalidName
from strongroom_blocks.twins import async_twin, context_twin, stream_twin

Parameters = Sequence[Any] | Mapping[str, Any] | None
"""What is bound: a mapping for ``:name``, or what the driver's own placeholders take."""


@dataclass(frozen=True, slots=True)
class RowBatch:
    """Rows of one answer, and the names of their columns. ``len(batch)`` rows, each a tuple; iterates over them."""

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        return iter(self.rows)

    def dicts(self) -> list[dict[str, Any]]:
        """The rows by column.

        :raises InvalidName: two columns have one name, so that one of them would be lost.
        """
        if len(set(self.columns)) != len(self.columns):
            twice = next(name for name in self.columns if self.columns.count(name) > 1)
            raise InvalidName(f"Two columns are named {twice!r:.80}.", "Name them apart in the query: … as other")
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]


@runtime_checkable
class DatabaseVerbs(Protocol):
    """What is asked of a database, and of a transaction in one.

    Values are bound by the driver, never pasted. ``:name`` with a mapping of parameters works in every database; the
    driver's own placeholders work too, in statements that have no ``:name`` of the mapping. Rows are tuples; by column
    name where the verb says dicts. Errors of a statement are the driver's own, without the values.
    """

    def execute(self, sql: str, parameters: Parameters = None) -> Any:
        """Run a statement."""
        ...

    aexecute: Final = async_twin(execute)

    def execute_many(self, sql: str, seq_of_parameters: Iterable[Any]) -> Any:
        """Run a statement once for each row of parameters, all of them or none."""
        ...

    aexecute_many: Final = async_twin(execute_many)

    def fetch_one(self, sql: str, parameters: Parameters = None) -> tuple[Any, ...] | None:
        """The first row, or None."""
        ...

    afetch_one: Final = async_twin(fetch_one)

    def fetch_many(self, sql: str, parameters: Parameters = None, size: int = 100) -> list[tuple[Any, ...]]:
        """The first ``size`` rows."""
        ...

    afetch_many: Final = async_twin(fetch_many)

    def fetch_all(self, sql: str, parameters: Parameters = None) -> list[tuple[Any, ...]]:
        """Every row."""
        ...

    afetch_all: Final = async_twin(fetch_all)

    def iter_batches(self, sql: str, parameters: Parameters = None, *, size: int = 1000) -> Iterator[RowBatch]:
        """The rows of a query, ``size`` at a time, in bounded memory.

        An answer without rows is one empty batch, which knows its columns. Who stops early gives the connection back.
        """
        ...

    aiter_batches: Final = stream_twin(iter_batches)

    def iter_rows(self, sql: str, parameters: Parameters = None, *, size: int = 1000) -> Iterator[dict[str, Any]]:
        """The rows of a query as dicts, in bounded memory.

        :raises InvalidName: two columns have one name.
        """
        ...

    aiter_rows: Final = stream_twin(iter_rows)


@runtime_checkable
class Database(DatabaseVerbs, Protocol):
    """Something that understands SQL. Each call of a verb is a transaction of its own.

    Safe to share between threads and forked processes.
    """

    def connection(self) -> AbstractContextManager[Any]:
        """An open connection of the driver (PEP 249), closed or given back at the end of the ``with``."""
        ...

    def transaction(self) -> AbstractContextManager[DatabaseVerbs]:
        """The same verbs as one transaction: committed at the end of the ``with``, undone if it raises."""
        ...

    atransaction: Final = context_twin(transaction)


@runtime_checkable
class BulkInsert(Protocol):
    """A transaction that takes many rows by a faster way than a statement for each."""

    def insert_rows(self, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> int:
        """Append rows to a table in bounded memory; how many they were.

        :param table: as a statement names it.
        :raises InvalidName: the table or a column has no name that a statement may hold.
        """
        ...
