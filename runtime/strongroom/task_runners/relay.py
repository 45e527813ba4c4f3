"""The run history of a worker: it writes nothing, and tells the flow's process what to write."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from strongroom.journal.records import FlowRun, LogEntry, TaskRun
from strongroom.task_runners.messages import BlocksLoaded, Message, RunChanged, told_of_flow, told_of_task


class Relay:
    """See :class:`~strongroom.journal.journal.Journal`.

    What is saved goes to the flow's process; what is asked is answered by the journal that this process's settings
    name, if anybody asks. The final state of the worker's own run is not told: it goes with the outcome.
    """

    def __init__(self, outlet: Callable[[Message], None], own: UUID, attempt: UUID) -> None:
        self._outlet = outlet
        self._own = own
        self._attempt = attempt
        self._flow: UUID | None = None

    def belongs_to(self, flow_run: UUID) -> None:
        """The flow run that the own run is part of: of that, only the blocks that it loads here are news."""
        self._flow = flow_run

    def save_flow_run(self, run: FlowRun) -> None:
        if run.id == self._flow:
            self._outlet(BlocksLoaded(tuple(run.blocks), dict(run.pins)))
        else:
            self._outlet(RunChanged(told_of_flow(run), self._attempt))

    def save_task_run(self, run: TaskRun) -> None:
        if run.id != self._own or not run.state.is_final():
            self._outlet(RunChanged(told_of_task(run), self._attempt))

    def log(self, entry: LogEntry) -> None:
        self._outlet(entry)

    def flush(self) -> bool:
        return True

    def settle(self) -> bool:
        return True

    def close(self) -> None:
        pass

    def completed(self, flow_run_id: UUID) -> dict[tuple[UUID, str], TaskRun]:
        return {}

    def subflow_runs(self, flow_run_id: UUID) -> list[FlowRun]:
        return []

    def __getattr__(self, name: str) -> Any:
        from strongroom.journal.current import journal_at
        from strongroom.settings import get_settings

        return getattr(journal_at(get_settings().journal_url), name)
