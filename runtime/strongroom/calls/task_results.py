"""What becomes of a task's result: looked up in the cache, stored, or held until the transaction around it ends."""

from __future__ import annotations

import threading
from functools import partial
from typing import TYPE_CHECKING, Any

from strongroom.context import TaskRunContext
from strongroom.errors import CacheKeyProblem, UnserializableResult
from strongroom.rules import Keep, LookUp
from strongroom.states import Cached, Fetch, NotKept, RolledBack, State, is_state_iterable

if TYPE_CHECKING:
    from strongroom.calls.flow_call import FlowCall
    from strongroom.journal.journal import Journal
    from strongroom.logging import RunLogger
    from strongroom.results import ResultStore
    from strongroom.rules import Policy
    from strongroom.transactions import Transaction
    from strongroom.transactions.steps import Steps

_joining = threading.Lock()


class TaskResults(TaskRunContext):
    """The part of a task's call that deals with its result.

    Without hooks, a lock, or a transaction around it, a call has no transaction of its own: its result is looked up and
    stored at once. A task inside of it that has hooks makes it one (:meth:`join_transaction`).
    """

    __slots__ = ("_journal", "_store", "key_parts", "policy", "scope", "transaction")

    flow_run_context: FlowCall | None
    policy: Policy
    transaction: Transaction | None
    key_parts: dict[str, str] | None
    """What the cache key is made of, for the log; None where nobody asks."""
    _journal: Journal
    _store: ResultStore | None

    if TYPE_CHECKING:

        @property
        def logger(self) -> RunLogger: ...
        def enter(self, state: State[Any]) -> State[Any]: ...

    def look_up(self) -> State[Any] | None:
        """The cached result, if there is one and it is wanted."""
        key = self._key()
        return None if key is None else self._cached(key)

    def _key(self) -> str | None:
        """The cache key, and None where nothing is to be looked up; the run explains why."""
        from strongroom.calls.result_keys import cache_key, why_not_cached

        run = self.task_run
        self.key_parts = {}
        try:
            why = why_not_cached(self)
            if not why:
                run.cache_key = key = cache_key(self)
                why = "the cache policy gives no key" if key is None else ""
        except CacheKeyProblem as error:
            self.logger.warning("This run is not cached: %s", error)
            why = error.problem.rstrip(".")
        except Exception as error:
            self.logger.warning("The cache is not to be had: %s: %s", type(error).__name__, error)
            why = f"the cache is not to be had ({type(error).__name__})"
        refresh = self.task.refresh_cache
        if not why and (self.result_store().refreshes if refresh is None else refresh):
            why = "refresh_cache is on"
        if not why:
            return run.cache_key
        self._explain(f"Not cached: {why}.")
        return None

    def _cached(self, key: str) -> State[Any] | None:
        from strongroom.calls.explanations import cached, missed
        from strongroom.results import Miss

        try:
            found = self.result_store().cached(key)
        except Exception as error:
            self.logger.warning("The cache is not to be had: %s: %s", type(error).__name__, error)
            self._explain(f"Not cached: the cache is not to be had ({type(error).__name__}).")
            return None
        parts = self.key_parts or {}
        if isinstance(found, Miss):
            self._explain(missed(self.task.task_key, self.task_run.name, parts, found.reason))
            return None
        self.task_run.result = found.stored
        self.task_run.explanation = message = cached(parts, found)
        return Cached(message=message, data=found.value)

    def _is_there(self, key: str) -> bool:
        try:
            return self.result_store().exists(key)
        except Exception:
            return False  # as the next question will say

    def _explain(self, why: str) -> None:
        self.task_run.explanation = why
        self.logger.debug("%s", why)

    def keep(self, state: State[Any]) -> State[Any]:
        """Store the result: where it persists, or where a resumption looks for it."""
        value = state.data
        if is_state_iterable(value) or isinstance(value, State):
            return state
        if self.persist_result and self.transaction is None:
            self._persist(value)
        elif self.flow_run_context is not None and self.flow_run_context.captures is not None:
            run = self.task_run
            run.result = self.flow_run_context.captures.capture(value, run.id, self.flow_run_context.root_id)
        if self.task.cache_result_in_memory:
            return state
        return State(state.type, state.name, state.message, self._elsewhere(), timestamp=state.timestamp)

    def _persist(self, value: Any) -> None:
        try:
            self._place()(value)
        except Exception as error:
            self._say_not_persisted(error)

    def _place_if_any(self) -> Any:
        try:
            return self._place()
        except Exception as error:
            self._say_not_persisted(error)

    def _say_not_persisted(self, error: Exception) -> None:
        what = str(error) if isinstance(error, UnserializableResult) else f"{type(error).__name__}: {error}"
        self.logger.error("The result was not persisted: %s", what)

    def _place(self) -> Any:
        """What stores the result: as long as the inputs are there, which name its place."""
        from strongroom.calls.result_keys import storage_key

        run = self.task_run
        key = run.cache_key or storage_key(self)
        place = storage_key(self) if run.cache_key is not None and self.result_store().metadata_storage else None
        return partial(self._write, self.result_store(), key, place)

    def _write(self, store: ResultStore, key: str, place: str | None, value: Any) -> None:
        from strongroom.journal.records import now

        run, expiration = self.task_run, self.task.cache_expiration
        until = None if expiration is None else now() + expiration
        run.result = store.keep(key, value, expiration=until, storage_key=place, writer=f"{run.name} ({run.id})")

    def _elsewhere(self) -> Fetch | NotKept:
        run, flow, transaction = self.task_run, self.flow_run_context, self.transaction
        if self.persist_result and transaction is not None:
            waiting_store = self.result_store()
            return Fetch(lambda: transaction.staged if transaction.is_staged() else waiting_store.of_run(run))
        stored = run.result
        if stored is None:
            return NotKept()
        if self.persist_result:
            store = self.result_store()
            return Fetch(lambda: store.load(stored))
        captures = flow.captures if flow is not None else None
        if captures is None:
            return NotKept()
        return Fetch(lambda: captures.restore(stored, run.id))

    def result_store(self) -> ResultStore:
        """Where the task's results persist: its own storage and serializer, or the flow's, or the settings'."""
        if self._store is None:
            task, flow = self.task, self.flow_run_context
            if flow is not None:
                store = flow.store_for(task.result_storage, task.result_serializer)
            else:
                from strongroom.results import result_store

                store = result_store(task.result_storage, task.result_serializer)
            policy = task.cache_policy
            if policy is not None and (policy.key_storage is not None or policy.lock_manager is not None):
                from strongroom.results.places import configured

                store = store.changed(**configured(policy))
            self._store = store
        return self._store

    def transact(self, effect: Any) -> Steps:
        """What an effect means where the call is a transaction."""
        if type(effect) is LookUp:
            return self._beginning()
        if type(effect) is Keep:
            return self._finishing(effect.state)
        return self._undoing(effect.final)

    def _beginning(self) -> Steps:
        from strongroom.transactions.steps import Deed

        key = (yield Deed(self._key)) if self.policy.caches else None
        transaction = self.join_transaction() if key is None else (yield Deed(partial(self._opened, key)))
        if key is None:
            return None
        found = None
        if transaction.takes_turns and (yield Deed(partial(self._is_there, key))):
            found = yield Deed(partial(self._cached, key))  # and needs no lock
        if found is None:
            yield from transaction.locking()
            found = yield Deed(partial(self._cached, key))
        if found is not None:
            yield from transaction.found()
        return found

    def _finishing(self, state: State[Any]) -> Steps:
        from strongroom.transactions.steps import Deed

        transaction, value, run = self.join_transaction(), state.data, self.task_run
        if is_state_iterable(value) or isinstance(value, State) or run.result is not None:  # what a resumption found
            write = None
        else:
            write = (yield Deed(self._place_if_any)) if self.persist_result else None
            state = yield Deed(partial(self.keep, state))
        transaction.stage(value, self.task.on_rollback_hooks, self.task.on_commit_hooks)
        transaction.write = partial(self._committed, write, value)
        transaction.undone = self.rolled_back
        yield from transaction.ending(failed=False)
        if transaction.is_rolled_back() and transaction.parent is not None:
            return RolledBack(message=_ROLLED_BACK, data=state.data)
        return state

    def _undoing(self, final: bool) -> Steps:
        transaction = self.transaction
        if transaction is not None:
            yield from transaction.ending(failed=True) if final else transaction.starting_over()

    def _committed(self, write: Any, value: Any) -> None:
        if write is not None:
            write(value)
            if self.task_run.state.is_final():
                self._journal.save_task_run(self.task_run)

    def rolled_back(self) -> None:
        """The run counts as undone: neither the cache nor a resumption finds it."""
        self.task_run.result = None
        if self.task_run.state.is_completed():
            self.enter(RolledBack(message=_ROLLED_BACK))

    def join_transaction(self) -> Transaction:
        """The call's own transaction, which what is inside of it shares."""
        with _joining:
            made = self.transaction
        return self._opened(None) if made is None else made

    def _opened(self, key: str | None) -> Transaction:
        from strongroom.transactions import Transaction

        policy = self.task.cache_policy
        made = Transaction(
            key=key,
            store=None if key is None else self.result_store(),
            isolation_level=None if policy is None or key is None else policy.isolation_level,
            logger=self.logger,
        )
        alone = key is not None and self.scope is None and not self.task.has_transaction_hooks
        made.belong(self, alone)
        with _joining:
            if self.transaction is None:
                self.transaction = made
                if self.scope is not None:
                    self.scope = made
            return self.transaction


def serializes(policy: Any) -> bool:
    """Whether runs with one key take turns."""
    return getattr(policy, "isolation_level", None) == "SERIALIZABLE"


_ROLLED_BACK = "Task rolled back as part of transaction"
