"""A transaction: what is staged in it, what hooks wait for its end, and what is inside of it."""

from __future__ import annotations

import asyncio
import logging
import os
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextvars import Token
from typing import TYPE_CHECKING, Any, Self
from uuid import uuid4

from strongroom.context import _transaction, current_run
from strongroom.errors import Pause, UnserializableResult
from strongroom.locking.isolation import IsolationLevel
from strongroom.transactions.around import innermost
from strongroom.transactions.elsewhere import holder_elsewhere
from strongroom.transactions.stage import Hook, Stage
from strongroom.transactions.states import SETTLED, CommitMode, TransactionState
from strongroom.transactions.steps import Deed, Steps, acarry_out, carry_out

if TYPE_CHECKING:
    from types import TracebackType

    from strongroom.calls.task_call import TaskCall
    from strongroom.context import FlowRunContext, TaskRunContext
    from strongroom.futures import PrefectFuture
    from strongroom.results import ResultRecord, ResultStore
    from strongroom.states import State

Logger = logging.Logger | logging.LoggerAdapter[logging.Logger]
_log = logging.getLogger("strongroom.transactions")


class Transaction(Stage):
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
        super().__init__()
        self.key = key
        self.store = store
        self.commit_mode = commit_mode
        self.isolation_level = isolation_level
        self.overwrite = overwrite
        self.write_on_commit = write_on_commit
        self.logger = logger or _log
        self.state = state
        self.children: list[Transaction] = []
        self.parent: Transaction | None = None
        self.run: FlowRunContext | TaskRunContext | None = None
        self.is_of_a_task = False
        self.write: Callable[[], object] = self._write
        self.undone: Callable[[], object] | None = None
        self._expected: deque[tuple[TaskCall, PrefectFuture[Any]]] = deque()
        self._token: Token[Any] | None = None
        self._holder = f"{os.uname().nodename}:{os.getpid()}:{uuid4().hex}"
        self._held: Counter[str] = Counter()
        self._locks = False
        self._shares: Transaction | None = None

    @property
    def takes_turns(self) -> bool:
        """Whether others with the same key wait until it ends."""
        return self.isolation_level is IsolationLevel.SERIALIZABLE

    def get_parent(self) -> Transaction | None:
        """The transaction around this one."""
        return self.parent

    def add_child(self, transaction: Transaction) -> None:
        """Take responsibility for the end of another transaction."""
        with self._lock:
            self.children.append(transaction)

    def read(self) -> ResultRecord | None:
        """The record under the key; None without a key or a store. Raises MissingResult where there is none yet."""
        return (
            None
            if self.store is None or self.key is None
            else self.store.read(self.key, holder=self._holder_of(self.key))
        )

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
        try:
            if not self.overwrite and (yield Deed(self._exists)):
                self.state = TransactionState.COMMITTED
        except BaseException:
            yield from self._unlocking()
            raise

    def locking(self) -> Steps:
        """Wait for the lock of the key, where runs with one key take turns.

        What is in one outermost transaction shares its locks: those are held until it ends, so nothing in it may wait.
        """
        store, key, root = self.store, self.key, self._root()
        if store is None or key is None or not self.takes_turns or self._locks or holder_elsewhere(key) is not None:
            return
        self.logger.debug("Waiting for the lock of transaction %r", key)
        with root._lock:
            root._held[key] += 1
        self._locks = True
        try:
            yield Deed(lambda: store.acquire_lock(key, root._holder), lambda: store.aacquire_lock(key, root._holder))
        except BaseException:
            with root._lock:
                root._held[key] -= 1
            self._locks = False
            raise

    def committing(self) -> Steps:
        """What there is to be done to commit."""
        if self.state in SETTLED:
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
        with self._lock:
            self.state = TransactionState.COMMITTED
        yield from self._settle_children(commit=True)  # what other threads added meanwhile
        yield from self._unlocking()
        return True

    def rolling_back(self) -> Steps:
        """What there is to be done to roll back: the latest work first."""
        with self._lock:
            settled = self.state in SETTLED
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
        yield from self._gathering(failed)
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

    def expect(self, call: TaskCall, future: PrefectFuture[Any]) -> None:
        """A task was submitted inside: the end of this waits for it."""
        self._expected.append((call, future))

    def _gathering(self, failed: bool) -> Steps:
        """Wait for what was submitted, unless all is to be undone anyway; a task leaves that to what is around it."""
        while self._expected:
            call, future = self._expected.popleft()
            if self.is_of_a_task:
                if self.parent is not None:
                    self.parent.expect(call, future)
                continue
            if not failed:
                yield Deed(future.wait, future.wait_async)
            if call.task_run.worker and future.done():
                yield from self.taking_over(self._carried_out_elsewhere(call, future.state))

    def _carried_out_elsewhere(self, call: TaskCall, state: State[Any]) -> Transaction:
        """A child for a run that another process carried out and committed: here it can be undone."""
        child = Transaction(key=call.task_run.cache_key, write_on_commit=False, logger=call.logger)
        child.parent, child.run, child.is_of_a_task = self, call, True
        if state.is_completed():
            child.stage(None, on_rollback_hooks=call.task.on_rollback_hooks)
            child.undone = call.rolled_back
        else:
            child.state = TransactionState.ROLLED_BACK
        return child

    def taking_over(self, child: Transaction) -> Steps:
        """Take responsibility for a child that ended: one that was undone undoes the whole."""
        with self._lock:
            state = self.state
            if state not in SETTLED:
                self.children.append(child)
        if child.is_rolled_back() and not self.is_of_a_task:
            yield from self.rolling_back()
        elif state is TransactionState.ROLLED_BACK:
            yield from child.rolling_back()
        elif state is TransactionState.COMMITTED:
            yield from child.committing()

    def enter(self, run: Any) -> None:
        """Become part of the transaction around, and the one around what comes, as part of ``run``."""
        parent = innermost(run)
        self.parent, self.run = parent, run
        if self.commit_mode is None:
            self.commit_mode = CommitMode.LAZY if parent is None or parent.commit_mode is None else parent.commit_mode
        if self.isolation_level is None:
            self.isolation_level = (parent and parent.isolation_level) or IsolationLevel.READ_COMMITTED

    def belong(self, run: Any, alone: bool) -> None:
        """Be the transaction of a task's run: inside of what is around its caller's code, unless it stands alone.

        One that stands alone shares the locks of the tasks that called it, which wait for it.
        """
        if alone:
            self.commit_mode = self.commit_mode or CommitMode.LAZY
            self.isolation_level = self.isolation_level or IsolationLevel.READ_COMMITTED
            caller = run.parent
            while caller is not None and caller.transaction is None:
                caller = caller.parent
            self._shares = None if caller is None else caller.transaction
        else:
            self.enter(run.parent)
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
        carry_out(self._left(error))

    async def __aenter__(self) -> Self:
        self.enter(current_run())
        await acarry_out(self.beginning())
        self._token = _transaction.set(self)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        self._leave()
        await acarry_out(self._left(error))

    def _left(self, error: BaseException | None) -> Steps:
        """A run that is suspended in the block neither commits nor undoes it: what it did shares the end later."""
        return self._unlocking() if isinstance(error, Pause) else self.ending(failed=error is not None)

    def _leave(self) -> None:
        if self._token is not None:
            _transaction.reset(self._token)
            self._token = None

    def _exists(self) -> bool:
        return self.store is not None and self.key is not None and self.store.exists(key=self.key)

    def _write(self) -> None:
        if self.store is not None and self.key is not None and self.write_on_commit:
            self.store.write(self.staged, key=self.key, holder=self._holder_of(self.key))

    def _root(self) -> Transaction:
        """The outermost transaction around this one, which holds its locks."""
        root: Transaction = self
        while (around := root.parent or root._shares) is not None:
            root = around
        return root

    def locks(self) -> dict[str, str]:
        """The locks that this and all around it hold: by key, their holder."""
        root = self._root()
        with root._lock:
            return {key: root._holder for key, times in root._held.items() if times}

    def _holder_of(self, key: str) -> str:
        return holder_elsewhere(key) or self._root()._holder

    def _unlocking(self) -> Steps:
        store, key, root = self.store, self.key, self._root()
        if not self._locks or store is None or key is None:
            return
        self._locks = False
        with root._lock:
            root._held[key] -= 1
            is_last = not root._held[key]
        if is_last:
            yield Deed(lambda: store.release_lock(key, root._holder))

    def _taken_children(self) -> Iterator[Transaction]:
        """The children in order, with those that are added meanwhile."""
        number = 0
        while number < len(self.children):
            yield self.children[number]
            number += 1

    def _settle_children(self, commit: bool) -> Steps:
        for child in list(self.children) if commit else list(reversed(self.children)):
            if child.state not in SETTLED:
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


class AsyncTransaction(Transaction):
    """A transaction of asynchronous code: what waits is awaited."""

    async def read(self) -> ResultRecord | None:  # type: ignore[override]
        """The record under the key; None without a key or a store. Raises MissingResult where there is none yet."""
        return await asyncio.to_thread(super().read)

    async def begin(self) -> None:  # type: ignore[override]
        """Take the lock of the key, and see whether the work is done."""
        await acarry_out(self.beginning())

    async def commit(self) -> bool:  # type: ignore[override]
        """Commit this and what is inside of it; False where that is not to be had any more."""
        return bool(await acarry_out(self.committing()))

    async def rollback(self) -> bool:  # type: ignore[override]
        """Undo this and what is inside of it; False where that is not to be had any more."""
        return bool(await acarry_out(self.rolling_back()))


BaseTransaction = Transaction
"""What Prefect calls what both colours have in common."""
