"""Which transaction code is part of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from strongroom.context import TaskRunContext, _transaction, current_run

if TYPE_CHECKING:
    from strongroom.transactions.transaction import Transaction


def get_transaction() -> Transaction | None:
    """The transaction that the calling code is part of: of a block around it, or of the task that it belongs to."""
    return innermost(current_run())


def innermost(run: Any) -> Transaction | None:
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
