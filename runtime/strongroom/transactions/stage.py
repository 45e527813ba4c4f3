"""What a transaction holds while it is under way: a value, hooks for its end, and values by name."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from strongroom.annotations import NotSet
from strongroom.errors import UnknownTransactionValue
from strongroom.transactions.states import SETTLED, TransactionState

if TYPE_CHECKING:
    from strongroom.transactions.transaction import Transaction

Hook = Callable[["Transaction"], Any]


class Stage:
    """The part of a transaction that code inside of it fills and asks."""

    state: TransactionState
    parent: Transaction | None

    def __init__(self) -> None:
        self.on_commit_hooks: list[Hook] = []
        self.on_rollback_hooks: list[Hook] = []
        self.staged: Any = None
        self._values: dict[str, Any] = {}
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
            if self.state not in SETTLED:
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
