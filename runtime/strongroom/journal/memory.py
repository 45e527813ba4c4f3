"""Run history that ends with the process, for tests and for those who want none on disk."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from datetime import datetime
from itertools import count
from typing import TYPE_CHECKING, Any, Unpack
from uuid import UUID

from strongroom.journal import rows, tally
from strongroom.journal.records import FlowRun, LogEntry, TaskRun
from strongroom.journal.selection import chosen, prefix_bounds
from strongroom.journal.wanted import RunFilters, Wanted

if TYPE_CHECKING:
    from strongroom.states import State

_FLOW_OF_TASK = rows.TASK_COLUMNS.index("flow_run_id")


class MemoryJournal:
    """See :class:`~strongroom.journal.journal.Journal`. It keeps the same rows that a file would, redacted alike."""

    def __init__(self) -> None:
        # Reentrant: a finalizer that logs may run while its own thread holds the lock.
        self._lock = threading.RLock()
        self._flows: dict[UUID, rows.Row] = {}
        self._tasks: dict[UUID, rows.Row] = {}
        self._lines: list[rows.Row] = []
        self._numbers = count(1)

    def save_flow_run(self, run: FlowRun) -> None:
        row = rows.flow_row(rows.flow_snapshot(run))
        with self._lock:
            self._flows[run.id] = row

    def save_task_run(self, run: TaskRun) -> None:
        row = rows.task_row(rows.task_snapshot(run))
        with self._lock:
            self._tasks[run.id] = row

    def log(self, entry: LogEntry) -> None:
        row = rows.log_row(rows.cut(entry))
        with self._lock:
            self._lines.append((*row, next(self._numbers)))

    def flush(self) -> bool:
        return True

    def settle(self) -> bool:
        return True

    def close(self) -> None:
        pass

    def claim(self, run: FlowRun, state: State[Any]) -> bool:
        claimed = rows.claimed(run, state)
        with self._lock:
            row = self._flows.get(run.id)
            held = None if row is None else rows.flow_record(row)
            if held is None or (held.state.timestamp, held.pid, held.host) != (run.state.timestamp, run.pid, run.host):
                return False
            self.save_flow_run(claimed)
        rows.assign(run, claimed)
        return True

    def flow_runs(self, *, limit: int = 100, offset: int = 0, **wanted: Unpack[RunFilters]) -> list[FlowRun]:
        choice = Wanted(**wanted)
        found = [run for run in self._all_flows() if choice.fits(run)]
        return sorted(found, key=lambda run: run.created, reverse=True)[offset : offset + limit]

    def flow_run(self, id_or_prefix: str) -> FlowRun:
        first, last = prefix_bounds(id_or_prefix)
        return chosen([run for run in self._all_flows() if first <= run.id.bytes <= last], id_or_prefix)

    def task_runs(self, flow_run_id: UUID) -> list[TaskRun]:
        with self._lock:
            found = list(self._tasks.values())
        return [run for run in map(rows.task_record, found) if run.flow_run_id == flow_run_id]

    def subflow_runs(self, flow_run_id: UUID) -> list[FlowRun]:
        return [run for run in self._all_flows() if run.parent_flow_run_id == flow_run_id]

    def completed(self, flow_run_id: UUID) -> dict[tuple[UUID, str], TaskRun]:
        return {
            (run.parent_id, run.dynamic_key): run
            for run in self.task_runs(flow_run_id)
            if run.state.is_completed() and run.kind == "task" and run.result is not None and run.parent_id is not None
        }

    def tallies(self, since: datetime | None = None) -> list[tally.Tally]:
        with self._lock:
            tasks = list(self._tasks.values())
        flows = [run for run in self._all_flows() if since is None or run.created >= since]
        records = [run for run in map(rows.task_record, tasks) if since is None or run.created >= since]
        return tally.of_records("flow", flows) + tally.of_records("task", records)

    def logs(self, flow_run_id: UUID, after: int = 0, limit: int | None = None) -> list[LogEntry]:
        with self._lock:
            found = [row for row in self._lines if row[0] == flow_run_id.bytes and row[-1] > after]
        return [rows.log_record(row) for row in found[:limit]]

    def prune(self, ended_before: datetime) -> list[UUID]:
        with self._lock:
            roots = (run for run in self._all_flows() if run.parent_flow_run_id is None)
            return self.remove([run.id for run in roots if run.end_time and run.end_time < ended_before])

    def remove(self, flow_run_ids: Iterable[UUID]) -> list[UUID]:
        with self._lock:
            flows = self._all_flows()
            old = self._flows.keys() & set(flow_run_ids)
            while more := {run.id for run in flows if run.parent_flow_run_id in old} - old:
                old |= more
            gone = {id_.bytes for id_ in old}
            self._flows = {id_: row for id_, row in self._flows.items() if id_ not in old}
            self._tasks = {id_: row for id_, row in self._tasks.items() if row[_FLOW_OF_TASK] not in gone}
            self._lines = [row for row in self._lines if row[0] not in gone]
        return list(old)

    def _all_flows(self) -> list[FlowRun]:
        with self._lock:
            found = list(self._flows.values())
        return [rows.flow_record(row) for row in found]
