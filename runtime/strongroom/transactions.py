"""Transactions: work that counts as a whole or not at all. Names and behaviour are those that Prefect 3 documents.

A transaction begins, stages a value, and then either commits (its hooks ``on_commit`` run, and a record is written
under its key) or rolls back (its hooks ``on_rollback`` run, the latest work first). What runs inside of another
transaction is its child, and shares its end unless it is eager::

    with transaction(key="load-2026-01-01") as txn:
        if txn.is_committed():
            return
        write_file(contents)            # its on_rollback hook runs if anything below fails
        quality_test()
"""

from __future__ import annotations

import asyncio
import copy
import logging
import os
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from contextvars import Token
from dataclasses import dataclass
from enum import StrEnum
from inspect import isawaitable
from typing import TYPE_CHECKING, Any, Self
from uuid import uuid4

from strongroom.annotations import NotSet
from strongroom.context import TaskRunContext, _transaction, current_run
from strongroom.engine import finished
from strongroom.errors import UnknownTransactionValue, UnserializableResult
from strongroom.locking.isolation import IsolationLevel as IsolationLevel

if TYPE_CHECKING:
    from types import TracebackType

    from strongroom.context import FlowRunContext
    from strongroom.results import ResultRecord, ResultStore

Hook = Callable[["Transaction"], Any]
Logger = logging.Logger | logging.LoggerAdapter[logging.Logger]
_log = logging.getLogger("strongroom.transactions")


class CommitMode(StrEnum):
    """When a transaction commits: ``EAGER``, as soon as it ends; ``LAZY``, when the outermost one around it does;
    ``OFF``, only by a call of ``commit``, else it rolls back."""

    EAGER = "EAGER"
    LAZY = "LAZY"
    OFF = "OFF"


class TransactionState(StrEnum):
    """How far a transaction is."""

    PENDING = "PENDING"
    ACTIVE = "ACTIVE"
    STAGED = "STAGED"
    COMMITTED = "COMMITTED"
    ROLLED_BACK = "ROLLED_BACK"


_SETTLED = (TransactionState.COMMITTED, TransactionState.ROLLED_BACK)


@dataclass(frozen=True, slots=True)
class Deed:
    """A part of a step that is carried out in either colour: users' code, or something that waits for a disk."""

    run: Callable[[], Any]
    awaits: Callable[[], Awaitable[Any]] | None = None
    is_hook: bool = False


Steps = Generator[Deed, Any, Any]


class Transaction:
    """A transaction, to be entered by ``with`` or ``async with``; :func:`transaction` finds store and logger for it."""

    def __init__(
        self,
        *,
        key: str | None = None,
        store: ResultStore | None = None,
        commit_mode: CommitMode | None = None,
        isolation_level: IsolationLevel | None = None,
        overwrite: bool = False,
        write_on_commit: bool = True,
        logger: Logger | None = None,
        state: TransactionState = TransactionState.PENDING,
    ) -> None:
        self.key = key
        self.store = store
        self.commit_mode = commit_mode
        self.isolation_level = isolation_level
        self.overwrite = overwrite
        self.write_on_commit = write_on_commit
        self.logger = logger or _log
        self.state = state
        self.children: list[Transaction] = []
        self.on_commit_hooks: list[Hook] = []
        self.on_rollback_hooks: list[Hook] = []
        self.parent: Transaction | None = None
        self.run: FlowRunContext | TaskRunContext | None = None
        self.is_of_a_task = False
        self.write: Callable[[], object] = self._write
        self.undone: Callable[[], object] | None = None
        self._values: dict[str, Any] = {}
        self.staged: Any = None
        self._token: Token[Any] | None = None
        self._holder: str | None = None
        self._lock = threading.RLock()

    def set(self, name: str, value: Any) -> None:
        """Keep a value under a name, for hooks and for transactions inside of this one."""
        self._values[name] = value

    def get(self, name: str, default: Any = NotSet) -> Any:
        """A copy of what was set under ``name``, here or in a transaction around this one.

        Raises :class:`~strongroom.errors.UnknownTransactionValue` where there is nothing and no default.
        """
        if name in self._values:
            try:
                return copy.deepcopy(self._values[name])
            except Exception:  # a connection, a lock: there is only one of it
                return self._values[name]
        if self.parent is not None:
            return self.parent.get(name, default)
        if default is NotSet:
            raise UnknownTransactionValue(
                f"Nothing was set under the name {name!r} in this transaction or around it.",
                "Set it first, or give a default: txn.get(name, None).",
            )
        return default

    def stage(
        self,
        value: Any,
        on_rollback_hooks: Iterable[Hook] | None = None,
        on_commit_hooks: Iterable[Hook] | None = None,
    ) -> None:
        """Hold a value ready, to be written under the key when this commits. Nothing happens once it is settled."""
        with self._lock:
            if self.state not in _SETTLED:
                self.staged = value
                self.on_rollback_hooks += on_rollback_hooks or ()
                self.on_commit_hooks += on_commit_hooks or ()
                self.state = TransactionState.STAGED

    def is_pending(self) -> bool:
        """Whether it has not begun."""
        return self.state is TransactionState.PENDING

    def is_active(self) -> bool:
        """Whether it has begun, and nothing is staged."""
        return self.state is TransactionState.ACTIVE

    def is_staged(self) -> bool:
        """Whether a value waits to be committed."""
        return self.state is TransactionState.STAGED

    def is_committed(self) -> bool:
        """Whether it committed, now or in an earlier run with the same key."""
        return self.state is TransactionState.COMMITTED

    def is_rolled_back(self) -> bool:
        """Whether it was undone."""
        return self.state is TransactionState.ROLLED_BACK

    def get_parent(self) -> Transaction | None:
        """The transaction around this one."""
        return self.parent

    def add_child(self, transaction: Transaction) -> None:
        """Take responsibility for the end of another transaction."""
        with self._lock:
            self.children.append(transaction)

    def read(self) -> ResultRecord | None:
        """The record under the key; None without a key or a store. Raises MissingResult where there is none yet."""
        return None if self.store is None or self.key is None else self.store.read(self.key, holder=self._holder)

    def begin(self) -> None:
        """Take the lock of the key, and see whether the work is done."""
        carry_out(self.beginning())

    def commit(self) -> bool:
        """Commit this and what is inside of it; False where that is not to be had any more."""
        return bool(carry_out(self.committing()))

    def rollback(self) -> bool:
        """Undo this and what is inside of it; False where that is not to be had any more."""
        return bool(carry_out(self.rolling_back()))

    def beginning(self) -> Steps:
        """What there is to be done when it begins."""
        self.state = TransactionState.ACTIVE
        yield from self.locking()
        if not self.overwrite and (yield Deed(self._exists)):
            self.state = TransactionState.COMMITTED

    def locking(self) -> Steps:
        """Wait for the lock of the key, where runs with one key take turns."""
        store, key, holder = self.store, self.key, f"{os.uname().nodename}:{os.getpid()}:{uuid4().hex}"
        serial = self.isolation_level is IsolationLevel.SERIALIZABLE and not self._is_locked_around()
        if store is None or key is None or not serial:
            return
        self.logger.debug("Waiting for the lock of transaction %r", key)
        yield Deed(lambda: store.acquire_lock(key, holder), lambda: store.aacquire_lock(key, holder))
        self._holder = holder

    def committing(self) -> Steps:
        """What there is to be done to commit."""
        if self.state in _SETTLED:
            yield from self._settle_children(commit=self.is_committed())
            yield from self._unlocking()
            return False
        try:
            for child in self._taken_children():
                yield from child.committing()
            for hook in self.on_commit_hooks:
                yield from self._hooking(hook, "commit")
            yield Deed(self.write)
        except Exception as error:
            self._say_not_committed(error)
            yield from self.rolling_back()
            return False
        self.state = TransactionState.COMMITTED
        yield from self._unlocking()
        return True

    def rolling_back(self) -> Steps:
        """What there is to be done to roll back: the latest work first."""
        with self._lock:
            settled = self.state in _SETTLED
            if not settled:
                self.state = TransactionState.ROLLED_BACK
        if not settled:
            for hook in reversed(self.on_rollback_hooks):
                yield from self._hooking(hook, "rollback")
            if self.undone is not None:
                yield Deed(self.undone)
        yield from self._settle_children(commit=False)
        yield from self._unlocking()
        return not settled

    def ending(self, failed: bool) -> Steps:
        """What there is to be done when the code inside is over: hand over to the transaction around, or settle."""
        if failed:
            yield from self.rolling_back()
        elif self.commit_mode is CommitMode.EAGER:
            yield from self.committing()
        parent = self.parent
        if parent is not None:
            yield from parent.taking_over(self)
        elif self.commit_mode is CommitMode.OFF:
            yield from self.rolling_back()
        else:
            yield from self.committing()

    def taking_over(self, child: Transaction) -> Steps:
        """Take responsibility for a child that ended: one that was undone undoes the whole."""
        with self._lock:
            state = self.state
            if state not in _SETTLED:
                self.children.append(child)
        if child.is_rolled_back() and not self.is_of_a_task:
            yield from self.rolling_back()
        elif state is TransactionState.ROLLED_BACK:
            yield from child.rolling_back()
        elif state is TransactionState.COMMITTED:
            yield from child.committing()

    def enter(self, run: Any) -> None:
        """Become part of the transaction around, and the one around what comes, as part of ``run``."""
        parent = _innermost(run)
        self.parent, self.run = parent, run
        if self.commit_mode is None:
            self.commit_mode = CommitMode.LAZY if parent is None or parent.commit_mode is None else parent.commit_mode
        if self.isolation_level is None:
            self.isolation_level = (parent and parent.isolation_level) or IsolationLevel.READ_COMMITTED

    def belong(self, run: Any, around: Any, alone: bool) -> None:
        """Be the transaction of a task's run: inside of what is around code of ``around``, unless it stands alone."""
        if alone:
            self.commit_mode = self.commit_mode or CommitMode.LAZY
            self.isolation_level = self.isolation_level or IsolationLevel.READ_COMMITTED
        else:
            self.enter(around)
        self.run, self.is_of_a_task, self.state = run, True, TransactionState.ACTIVE

    def found(self) -> Steps:
        """What there is to be done where the work turns out to be done already."""
        self.state = TransactionState.COMMITTED
        yield from self._unlocking()

    def starting_over(self) -> Steps:
        """What there is to be done before the work is tried again: undo what is inside."""
        yield from self._settle_children(commit=False)
        self.children.clear()

    def __enter__(self) -> Self:
        self.enter(current_run())
        carry_out(self.beginning())
        self._token = _transaction.set(self)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._leave()
        carry_out(self.ending(error is not None))

    async def __aenter__(self) -> Self:
        self.enter(current_run())
        await acarry_out(self.beginning())
        self._token = _transaction.set(self)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        self._leave()
        await acarry_out(self.ending(error is not None))

    def _leave(self) -> None:
        if self._token is not None:
            _transaction.reset(self._token)
            self._token = None

    def _exists(self) -> bool:
        return self.store is not None and self.key is not None and self.store.exists(key=self.key)

    def _write(self) -> None:
        if self.store is not None and self.key is not None and self.write_on_commit:
            self.store.write(self.staged, key=self.key, holder=self._holder)

    def _is_locked_around(self) -> bool:
        """Whether a transaction around this one has the lock of the same key already."""
        around = self.parent
        while around is not None and not (around._holder is not None and around.key == self.key):
            around = around.parent
        return around is not None

    def _unlocking(self) -> Steps:
        holder, self._holder = self._holder, None
        if holder is not None and self.store is not None and self.key is not None:
            store, key = self.store, self.key
            yield Deed(lambda: store.release_lock(key, holder))

    def _taken_children(self) -> Iterator[Transaction]:
        """The children in order, with those that are added meanwhile."""
        number = 0
        while number < len(self.children):
            yield self.children[number]
            number += 1

    def _settle_children(self, commit: bool) -> Steps:
        for child in list(self.children) if commit else list(reversed(self.children)):
            if child.state not in _SETTLED:
                yield from child.committing() if commit else child.rolling_back()

    def _hooking(self, hook: Hook, kind: str) -> Steps:
        name = getattr(hook, "__name__", None) or repr(hook)
        self.logger.info("Running %s hook %r", kind, name)
        try:
            yield Deed(lambda: hook(self), is_hook=True)
        except Exception:
            self.logger.exception("The %s hook %r raised an exception; the others run all the same", kind, name)

    def _say_not_committed(self, error: Exception) -> None:
        what = str(error) if isinstance(error, UnserializableResult) else f"{type(error).__name__}: {error}"
        self.logger.warning("The transaction %r is not committed, and rolled back: %s", self.key, what)

    def __repr__(self) -> str:
        return f"Transaction(key={self.key!r}, state={self.state.value})"


BaseTransaction = AsyncTransaction = Transaction
"""What Prefect calls it where it tells colours apart."""


def carry_out(steps: Steps) -> Any:
    """Carry out steps in synchronous code; an asynchronous hook gets an event loop of its own."""
    advance: Callable[[Any], Deed] = steps.send
    value: Any = None
    while True:
        try:
            deed = advance(value)
        except StopIteration as end:
            return end.value
        try:
            advance, value = steps.send, finished(deed.run()) if deed.is_hook else deed.run()
        except BaseException as error:
            advance, value = steps.throw, error


async def acarry_out(steps: Steps) -> Any:
    """Carry out steps in asynchronous code: hooks in its event loop, what waits for a disk in a thread."""
    advance: Callable[[Any], Deed] = steps.send
    value: Any = None
    while True:
        try:
            deed = advance(value)
        except StopIteration as end:
            return end.value
        try:
            advance, value = steps.send, await _done(deed)
        except BaseException as error:
            advance, value = steps.throw, error


async def _done(deed: Deed) -> Any:
    if deed.is_hook:
        value = deed.run()
        return await value if isawaitable(value) else value
    return await (deed.awaits() if deed.awaits is not None else asyncio.to_thread(deed.run))


def get_transaction() -> Transaction | None:
    """The transaction that the calling code is part of: of a block around it, or of the task that it belongs to."""
    return _innermost(current_run())


def _innermost(run: Any) -> Transaction | None:
    """The innermost transaction around code of ``run``: one that was opened there, or that of the task that it is."""
    opened = _transaction.get()
    while True:
        found: Transaction | None = opened
        while found is not None and found.run is not run:
            found = found.parent
        if found is not None or run is None:
            return found
        if isinstance(run, TaskRunContext):
            joined: Transaction = run.join_transaction()
            return joined
        run = run.parent


def _prepared(
    key: str | None,
    store: ResultStore | None,
    commit_mode: CommitMode | None,
    isolation_level: IsolationLevel | None,
    overwrite: bool,
    write_on_commit: bool,
    logger: Logger | None,
) -> Transaction:
    run = current_run()
    if key is not None and store is None:
        from strongroom.results import get_result_store

        store = get_result_store()
    if logger is None and run is not None:
        from strongroom.logging import get_run_logger

        logger = get_run_logger()
    return Transaction(
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
    made = _prepared(key, store, commit_mode, isolation_level, overwrite, write_on_commit, logger)
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
) -> AsyncGenerator[Transaction]:
    """Like :func:`transaction`, for asynchronous code: hooks may be asynchronous, and nothing blocks the event loop."""
    prepared = asyncio.to_thread(
        _prepared, key, store, commit_mode, isolation_level, overwrite, write_on_commit, logger
    )
    made = await prepared
    async with made:
        yield made
