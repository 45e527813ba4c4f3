"""The one interface of run history. The engine, the command line and resumption know nothing more of it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol, Unpack
from uuid import UUID

from strongroom.journal.records import FlowRun, LogEntry, TaskRun

if TYPE_CHECKING:
    from strongroom.journal.tally import Tally
    from strongroom.journal.wanted import RunFilters
    from strongroom.states import State


class Journal(Protocol):
    """Keeps runs and their logs.

    Writing does not wait for a disk and never raises because of one. The ``save_*`` methods take a snapshot, so the
    caller goes on changing its record and saves it again. A journal that cannot be written says so once and drops what
    it can no longer hold. Reading sees all that this process wrote before, and raises a
    :class:`~strongroom.errors.JournalProblem` where there is nothing readable.
    """

    def save_flow_run(self, run: FlowRun) -> None:
        """Keep the run as it is now; a run of the same id is replaced."""

    def save_task_run(self, run: TaskRun) -> None:
        """Keep the run as it is now; a run of the same id is replaced."""

    def log(self, entry: LogEntry) -> None:
        """Keep a line. Its message is redacted already; one beyond 64 KiB is cut, with a note that says so."""

    def flush(self) -> bool:
        """Wait until everything saved before is on the disk; False where that is not to be had."""

    def settle(self) -> bool:
        """Flush for a flow that must go on: wait a few seconds at most, and not at all while writing fails."""

    def close(self) -> None:
        """Flush and let go of threads and files. A journal that is closed opens again when it is used again."""

    def claim(self, run: FlowRun, state: State[Any]) -> bool:
        """Give ``run`` the ``state`` and this process as its owner, unless somebody changed it since it was read.

        A compare-and-set on the run's state and process, written at once: of several processes that want to resume a
        run, one gets it. Updates ``run`` where it returns True. Raises JournalUnavailable where it cannot be written.
        """

    def flow_runs(self, *, limit: int = 100, offset: int = 0, **wanted: Unpack[RunFilters]) -> list[FlowRun]:
        """Those of the runs that the filters want, newest first, from the one at ``offset`` on."""

    def flow_run(self, id_or_prefix: str) -> FlowRun:
        """The run of this id, or of the id that starts like this; raises UnknownRun or AmbiguousRun."""

    def task_runs(self, flow_run_id: UUID) -> list[TaskRun]:
        """All task runs of a flow run in the order they began: those of nested tasks too, those of subflows not."""

    def subflow_runs(self, flow_run_id: UUID) -> list[FlowRun]:
        """The runs of the flows that this run called directly, in the order they began."""

    def completed(self, flow_run_id: UUID) -> dict[tuple[UUID, str], TaskRun]:
        """The completed task runs of a flow run whose result is known, by parent and dynamic key, for resumption."""

    def prune(self, ended_before: datetime) -> list[UUID]:
        """Remove the flow runs that ended before a time, with all that belongs to them; returns their ids."""

    def remove(self, flow_run_ids: Iterable[UUID]) -> list[UUID]:
        """Remove flow runs, with those of their subflows and all that belongs to them; returns the ids of all.

        What is not there is no error. Whether a run still goes on is not asked: see :mod:`strongroom.retention`.
        """

    def tallies(self, since: datetime | None = None) -> list[Tally]:
        """How many runs of each flow and task are in which state, and how long they took: those created since then."""

    def logs(self, flow_run_id: UUID, after: int = 0, limit: int | None = None) -> list[LogEntry]:
        """Lines of a flow run and its tasks, in order, from the one behind the line of id ``after``."""
