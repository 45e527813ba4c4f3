"""A task runner that sends what is submitted to the processes that serve the tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from strongroom.ledger import current_ledger
from strongroom.task_runners.runner import TaskRunner

if TYPE_CHECKING:
    from strongroom.background.future import PrefectDistributedFuture
    from strongroom.calls.task_call import TaskCall


class PrefectTaskRunner(TaskRunner):
    """Has the processes of ``task.serve()`` carry out submitted tasks, each as ``task.delay`` does.

    The flow waits for them. A flow that ends early takes back those that no process has taken.
    """

    def __init__(self) -> None:
        self._futures: list[PrefectDistributedFuture[Any]] = []

    def schedule(self, call: TaskCall) -> PrefectDistributedFuture[Any]:
        """Send the call."""
        from strongroom.background.sending import send_call

        future = send_call(call)
        self._futures.append(future)
        return future

    def drain(self) -> None:
        """Wait until all of them are over."""
        for future in self._futures:
            future.wait()

    def abandon(self, *, interrupt: bool = False) -> None:
        """Take back what nobody has taken; without ``interrupt``, wait for the rest."""
        from strongroom.background import queue
        from strongroom.states import Cancelled

        for future in self._futures:
            with current_ledger().changing() as session:
                withdrawn = queue.withdraw(session, future.task_run_id)
            if withdrawn:
                future.settle(Cancelled(message="The flow run ended before this task run began."))
            elif not interrupt:
                future.wait()

    def duplicate(self) -> Self:
        return type(self)()
