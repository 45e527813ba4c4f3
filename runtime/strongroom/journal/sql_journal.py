"""What run history in any SQL database has in common: the statements, and who writes when."""

# ruff: noqa: S608  all names in the statements are those of our own tables and columns

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeVar, Unpack
from uuid import UUID

from strongroom.journal import rows, tally
from strongroom.journal.records import FlowRun, LogEntry, TaskRun
from strongroom.journal.selection import chosen, prefix_bounds
from strongroom.journal.wanted import RunFilters, Wanted
from strongroom.journal.writer import Batch, Writer

if TYPE_CHECKING:
    from strongroom.states import State

T = TypeVar("T")


class Session(Protocol):
    """A transaction that has begun. Values stand as ``?`` in its statements."""

    def execute(self, statement: str, values: Sequence[Any] = (), /) -> Any:
        """What ``fetchone`` and ``fetchall`` of it give are rows."""

    def executemany(self, statement: str, values: Sequence[Sequence[Any]], /) -> Any:
        """The same statement with many values."""


class SqlJournal(ABC):
    """See :class:`~strongroom.journal.journal.Journal`. A subclass says how its database is reached.

    :param expected: the errors of :meth:`_change` after which the same is tried again later.
    :param apart: whether writing may hang, so that only the writer's own thread does it.
    """

    _position: ClassVar[str]
    """The function that finds a text in another."""
    _first_saved: ClassVar[str]
    """What grows with each run that is saved for the first time."""
    _flow_columns: ClassVar[str] = ", ".join(rows.FLOW_COLUMNS)
    _for_update: ClassVar[str] = ""

    def __init__(self, expected: tuple[type[Exception], ...], bounds: dict[str, int], *, apart: bool = False) -> None:
        self._running: set[UUID] = set()
        self._pid = os.getpid()
        self._writer = Writer(self._write, self._beat, expected, apart=apart, **bounds)
        self._flows = f"SELECT {self._flow_columns} FROM flow_runs"
        self._tasks = f"SELECT {', '.join(rows.TASK_COLUMNS)} FROM task_runs"
        self._lines = f"SELECT {', '.join(rows.LOG_COLUMNS)}, id FROM lines"

    @abstractmethod
    def _change(self, work: Callable[[Any], T]) -> T:
        """Do ``work`` in one transaction, whole or not at all. Raises JournalProblem."""

    @abstractmethod
    def _read(self, work: Callable[[Any], list[rows.Row]]) -> list[rows.Row]:
        """Do ``work`` on what is there now. Raises JournalProblem."""

    @abstractmethod
    def _upsert(self, session: Any, table: str, columns: Sequence[str], values: list[rows.Row]) -> None:
        """Insert rows, or replace those of the same ids but for their heartbeats."""

    @abstractmethod
    def _insert_lines(self, session: Any, values: list[rows.Row]) -> None:
        """Append lines, in this order also for those who read while it happens."""

    @abstractmethod
    def _mark_alive(self, session: Any, flow_run_ids: Sequence[bytes]) -> None:
        """Say that these runs give a sign of life now."""

    @abstractmethod
    def _let_go(self) -> None:
        """Close files and connections; they are opened again when they are needed again."""

    @property
    def used(self) -> bool:
        """Whether anything was saved through this object."""
        return self._writer.used

    def save_flow_run(self, run: FlowRun) -> None:
        if self._pid != os.getpid():
            self._running, self._pid = set(), os.getpid()
        if run.state.is_final() or run.pid != self._pid:
            self._running.discard(run.id)
        else:
            self._running.add(run.id)
        self._writer.put_flow(run.id, rows.flow_snapshot(run))

    def save_task_run(self, run: TaskRun) -> None:
        result = run.result
        size = len(result.inline) if result is not None and result.inline is not None else 0
        if (message := run.state.message) is not None:
            size += len(message)
        self._writer.put_task(run.id, rows.task_snapshot(run), size)

    def log(self, entry: LogEntry) -> None:
        self._writer.put_line(rows.cut(entry))

    def flush(self) -> bool:
        return self._writer.drain()

    def settle(self) -> bool:
        return self._writer.settle()

    def close(self) -> None:
        self._writer.close()
        self._let_go()

    def claim(self, run: FlowRun, state: State[Any]) -> bool:
        self.flush()
        claimed = rows.claimed(run, state)

        def work(session: Session) -> bool:
            owner = (run.id.bytes, run.state.timestamp.timestamp(), run.pid, run.host)
            where = "WHERE id = ? AND state_time = ? AND pid = ? AND host = ?"
            if session.execute(f"SELECT 1 FROM flow_runs {where}{self._for_update}", owner).fetchone() is None:
                return False
            self._upsert(session, "flow_runs", rows.FLOW_COLUMNS, [rows.flow_row(rows.flow_snapshot(claimed))])
            self._mark_alive(session, [run.id.bytes])
            return True

        if not self._change(work):
            return False
        rows.assign(run, claimed)
        self._running.add(run.id)
        return True

    def flow_runs(self, *, limit: int = 100, offset: int = 0, **wanted: Unpack[RunFilters]) -> list[FlowRun]:
        condition, values = Wanted(**wanted).where("?", self._position)
        found = self._select(
            f"{self._flows} WHERE {condition} ORDER BY created DESC, id LIMIT ? OFFSET ?", *values, limit, offset
        )
        return [self._flow_record(row) for row in found]

    def flow_run(self, id_or_prefix: str) -> FlowRun:
        first, last = prefix_bounds(id_or_prefix)
        found = self._select(f"{self._flows} WHERE id BETWEEN ? AND ? ORDER BY created DESC LIMIT 5", first, last)
        return chosen([self._flow_record(row) for row in found], id_or_prefix)

    def task_runs(self, flow_run_id: UUID) -> list[TaskRun]:
        found = self._select(f"{self._tasks} WHERE flow_run_id = ? ORDER BY {self._first_saved}", flow_run_id.bytes)
        return [rows.task_record(row) for row in found]

    def subflow_runs(self, flow_run_id: UUID) -> list[FlowRun]:
        found = self._select(
            f"{self._flows} WHERE parent_flow_run_id = ? ORDER BY {self._first_saved}", flow_run_id.bytes
        )
        return [self._flow_record(row) for row in found]

    def completed(self, flow_run_id: UUID) -> dict[tuple[UUID, str], TaskRun]:
        found = self._select(
            f"{self._tasks} WHERE flow_run_id = ? AND state_type = 'COMPLETED' AND kind = 'task' "
            f"AND result_serializer IS NOT NULL AND parent_id IS NOT NULL ORDER BY {self._first_saved}",
            flow_run_id.bytes,
        )
        return {(run.parent_id, run.dynamic_key): run for run in map(rows.task_record, found) if run.parent_id}

    def tallies(self, since: datetime | None = None) -> list[tally.Tally]:
        first = since.timestamp() if since is not None else 0.0
        flows, tasks = (self._select(tally.query(table), first) for table in ("flow_runs", "task_runs"))
        return [tally.of_row("flow", row) for row in flows] + [tally.of_row("task", row) for row in tasks]

    def logs(self, flow_run_id: UUID, after: int = 0, limit: int | None = None) -> list[LogEntry]:
        most = 2**62 if limit is None else limit
        found = self._select(
            f"{self._lines} WHERE flow_run_id = ? AND id > ? ORDER BY id LIMIT ?", flow_run_id.bytes, after, most
        )
        return [rows.log_record(row) for row in found]

    def prune(self, ended_before: datetime) -> list[UUID]:
        self.flush()
        old = "SELECT id FROM flow_runs WHERE end_time < ? AND parent_flow_run_id IS NULL"
        return self._change(
            lambda session: _remove(session, session.execute(old, (ended_before.timestamp(),)).fetchall())
        )

    def remove(self, flow_run_ids: Iterable[UUID]) -> list[UUID]:
        self.flush()
        wanted = [id_.bytes for id_ in flow_run_ids]

        def work(session: Session) -> list[UUID]:
            there = (session.execute("SELECT id FROM flow_runs WHERE id = ?", (id_,)).fetchone() for id_ in wanted)
            return _remove(session, [row for row in there if row is not None])

        return self._change(work)

    def _flow_record(self, row: rows.Row) -> FlowRun:
        return rows.flow_record(row)

    def _select(self, query: str, *values: object) -> list[rows.Row]:
        self.flush()
        return self._read(lambda session: session.execute(query, values).fetchall())

    def _write(self, batch: Batch) -> None:
        flows = [rows.flow_row(snapshot) for snapshot in batch.flows.values()]
        tasks = [rows.task_row(snapshot) for snapshot in batch.tasks.values()]
        lines = [rows.log_row(entry) for entry in batch.lines]

        def work(session: Session) -> None:
            if flows:
                self._upsert(session, "flow_runs", rows.FLOW_COLUMNS, flows)
                self._mark_alive(session, self._alive())
            if tasks:
                self._upsert(session, "task_runs", rows.TASK_COLUMNS, tasks)
            if lines:
                self._insert_lines(session, lines)

        self._change(work)

    def _beat(self) -> None:
        alive = self._alive()
        if alive and self._pid == os.getpid():
            self._change(lambda session: self._mark_alive(session, alive))

    def _alive(self) -> list[bytes]:
        return [id_.bytes for id_ in tuple(self._running)]


def _remove(session: Session, roots: list[rows.Row]) -> list[UUID]:
    """Remove flow runs with the runs of their subflows, and all that belongs to them; returns the ids."""
    gone: dict[bytes, None] = {}
    level = [bytes(id_) for (id_,) in roots]
    while level:
        gone.update(dict.fromkeys(level))
        below = (
            session.execute("SELECT id FROM flow_runs WHERE parent_flow_run_id = ?", (id_,)).fetchall() for id_ in level
        )
        level = [bytes(id_) for found in below for (id_,) in found if bytes(id_) not in gone]
    ids = [(id_,) for id_ in gone]
    for table, column in (("lines", "flow_run_id"), ("task_runs", "flow_run_id"), ("flow_runs", "id")):
        if ids:
            session.executemany(f"DELETE FROM {table} WHERE {column} = ?", ids)
    return [UUID(bytes=id_) for id_ in gone]
