"""Transactions as blocks of code: ``with transaction():`` and ``async with atransaction():``."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, TypeVar

from strongroom.context import current_run
from strongroom.locking.isolation import IsolationLevel
from strongroom.transactions.states import CommitMode
from strongroom.transactions.transaction import AsyncTransaction, Logger, Transaction

if TYPE_CHECKING:
    from strongroom.results import ResultStore

T = TypeVar("T", bound=Transaction)


def _prepared(
    kind: type[T],
    key: str | None,
    store: ResultStore | None,
    commit_mode: CommitMode | None,
    isolation_level: IsolationLevel | None,
    overwrite: bool,
    write_on_commit: bool,
    logger: Logger | None,
) -> T:
    run = current_run()
    if key is not None and store is None:
        from strongroom.results import get_result_store

        store = get_result_store()
    if logger is None and run is not None:
        from strongroom.logging import get_run_logger

        logger = get_run_logger()
    return kind(
        key=key,
        store=store,
        commit_mode=None if commit_mode is None else CommitMode(commit_mode),
        isolation_level=None if isolation_level is None else IsolationLevel(isolation_level),
        overwrite=overwrite,
        write_on_commit=write_on_commit,
        logger=logger,
    )


@contextmanager
def transaction(
    key: str | None = None,
    store: ResultStore | None = None,
    commit_mode: CommitMode | None = None,
    isolation_level: IsolationLevel | None = None,
    overwrite: bool = False,
    write_on_commit: bool = True,
    logger: Logger | None = None,
) -> Iterator[Transaction]:
    """Make the block a transaction: the tasks in it count as a whole, or are rolled back.

    :param key: what is done once under this key is not done again: ``txn.is_committed()`` says so.
    :param store: keeps the record of the key; that of the run around here, or the settings', where nothing is given.
    :param commit_mode: that of the transaction around, or ``LAZY``, where nothing is given.
    :param isolation_level: ``SERIALIZABLE`` lets one after the other do what has the same key.
    :param overwrite: do it again, and write the record anew.
    :param write_on_commit: whether a record is written; without one, the key only names the transaction.
    :param logger: says what happens; that of the run around here where nothing is given.
    """
    made = _prepared(Transaction, key, store, commit_mode, isolation_level, overwrite, write_on_commit, logger)
    with made:
        yield made


@asynccontextmanager
async def atransaction(
    key: str | None = None,
    store: ResultStore | None = None,
    commit_mode: CommitMode | None = None,
    isolation_level: IsolationLevel | None = None,
    overwrite: bool = False,
    write_on_commit: bool = True,
    logger: Logger | None = None,
) -> AsyncGenerator[AsyncTransaction]:
    """Like :func:`transaction`, for asynchronous code: what waits is awaited (``await txn.commit()``)."""
    prepared = asyncio.to_thread(
        _prepared, AsyncTransaction, key, store, commit_mode, isolation_level, overwrite, write_on_commit, logger
    )
    made = await prepared
    async with made:
        yield made
