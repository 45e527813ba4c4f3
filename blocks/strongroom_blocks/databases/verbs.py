"""The verbs of a database block, each a transaction of its own, over what opens a session."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from typing import Any, ClassVar

from strongroom_blocks.databases.capability import Parameters, RowBatch
from strongroom_blocks.databases.session import SqlSession
from strongroom_blocks.twins import async_twin, entered, stream_twin


class SqlVerbs:
    """Beside :class:`~strongroom_blocks.block.Block`, what makes a block a database that can open a session."""

    def transaction(self) -> AbstractContextManager[SqlSession]:
        """The same verbs as one transaction: committed at the end of the ``with``, undone if it raises."""
        raise NotImplementedError

    def atransaction(self) -> AbstractAsyncContextManager[SqlSession]:
        """The asynchronous twin: ``async with database.atransaction() as work: await work.aexecute(…)``"""
        return entered(self.transaction())

    def _session(self) -> AbstractContextManager[SqlSession]:
        """What a single statement runs in; by default a transaction."""
        return self.transaction()

    def execute(self, sql: str, parameters: Parameters = None) -> None:
        """Run a statement and commit."""
        with self._session() as session:
            session.execute(sql, parameters)

    aexecute: ClassVar = async_twin(execute)

    def execute_many(self, sql: str, seq_of_parameters: Iterable[Any]) -> None:
        """Run a statement once for each row of parameters, in one transaction."""
        with self.transaction() as session:
            session.execute_many(sql, seq_of_parameters)

    aexecute_many: ClassVar = async_twin(execute_many)

    def fetch_one(self, sql: str, parameters: Parameters = None) -> tuple[Any, ...] | None:
        """The first row, or None."""
        with self._session() as session:
            return session.fetch_one(sql, parameters)

    afetch_one: ClassVar = async_twin(fetch_one)

    def fetch_many(self, sql: str, parameters: Parameters = None, size: int = 100) -> list[tuple[Any, ...]]:
        """The first ``size`` rows. A server may compute and send them all: a ``limit`` in the query spares that."""
        with self._session() as session:
            return session.fetch_many(sql, parameters, size)

    afetch_many: ClassVar = async_twin(fetch_many)

    def fetch_all(self, sql: str, parameters: Parameters = None) -> list[tuple[Any, ...]]:
        """Every row."""
        with self._session() as session:
            return session.fetch_all(sql, parameters)

    afetch_all: ClassVar = async_twin(fetch_all)

    def iter_batches(self, sql: str, parameters: Parameters = None, *, size: int = 1000) -> Iterator[RowBatch]:
        """The rows of a query, ``size`` at a time, in bounded memory; at least one batch, which may be empty.

        The connection is given back after the last one, or when who iterates stops early.
        """
        with self.transaction() as session:
            yield from session.iter_batches(sql, parameters, size=size)

    aiter_batches: ClassVar = stream_twin(iter_batches)

    def iter_rows(self, sql: str, parameters: Parameters = None, *, size: int = 1000) -> Iterator[dict[str, Any]]:
        """The rows of a query as dicts, in bounded memory.

        :raises InvalidName: two columns have one name.
        """
        with self.transaction() as session:
            yield from session.iter_rows(sql, parameters, size=size)

    async def aiter_rows(
        self, sql: str, parameters: Parameters = None, *, size: int = 1000
    ) -> AsyncIterator[dict[str, Any]]:
        """The asynchronous twin of :meth:`iter_rows`, which changes threads once a batch."""
        async for batch in self.aiter_batches(sql, parameters, size=size):
            for row in batch.dicts():
                yield row
