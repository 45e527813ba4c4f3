"""Run history in one SQLite file, written in batches by a thread, readable by any process at any time."""

# ruff: noqa: S608  all names in the statements are those of our own tables and columns

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Sequence
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack
from uuid import UUID

from strongroom.databases.sqlite_file import SqliteFile
from strongroom.errors import JournalProblem, JournalUnavailable
from strongroom.journal import rows
from strongroom.journal.formats import run_history
from strongroom.journal.records import FlowRun, LogEntry, TaskRun
from strongroom.journal.selection import chosen, prefix_bounds
from strongroom.journal.wanted import RunFilters, Wanted
from strongroom.journal.writer import Batch, Writer

if TYPE_CHECKING:
    from strongroom.states import State

# One statement for many rows: each lets go of the interpreter's lock once, and may wait 5 ms to have it back.
_CHUNKS = (256, 32, 4, 1)
_FLOWS = f"SELECT {', '.join(rows.FLOW_COLUMNS)} FROM flow_runs"
_TASKS = f"SELECT {', '.join(rows.TASK_COLUMNS)} FROM task_runs"
_LINES = f"SELECT {', '.join(rows.LOG_COLUMNS)}, id FROM lines"


class SqliteJournal:
    """See :class:`~strongroom.journal.journal.Journal`.

    What was flushed survives kill -9 (write-ahead log, ``synchronous=NORMAL``); a crash of the machine may cost the
    last moments, never the file. The file is made at the first write, for its owner alone.
    """

    def __init__(self, path: str | Path, **bounds: int) -> None:
        self._file = SqliteFile(Path(path).expanduser(), run_history("sqlite"))
        self._running: set[UUID] = set()
        self._pid = os.getpid()
        self._writer = Writer(self._write, self._beat, (sqlite3.Error, OSError, JournalProblem), **bounds)

    @property
    def path(self) -> Path:
        """The file."""
        return self._file.path

    @property
    def used(self) -> bool:
        """Whether anything was saved through this object."""
        return self._writer.used

    def save_flow_run(self, run: FlowRun) -> None:
        if self._pid != os.getpid():
            self._running, self._pid = set(), os.getpid()
        if run.state.is_final():
            self._running.discard(run.id)
        else:
            self._running.add(run.id)
        self._writer.put_flow(run.id, rows.flow_snapshot(run))

    def save_task_run(self, run: TaskRun) -> None:
        result = run.result
        size = len(result.inline) if result is not None and result.inline is not None else 0
        self._writer.put_task(run.id, rows.task_snapshot(run), size)

    def log(self, entry: LogEntry) -> None:
        self._writer.put_line(rows.cut(entry))

    def flush(self) -> bool:
        return self._writer.drain()

    def close(self) -> None:
        self._writer.close()
        self._file.close()

    def claim(self, run: FlowRun, state: State[Any]) -> bool:
        self.flush()
        claimed = rows.claimed(run, state)

        def work(connection: sqlite3.Connection) -> bool:
            owner = (run.id.bytes, run.state.timestamp.timestamp(), run.pid, run.host)
            where = "SELECT 1 FROM flow_runs WHERE id = ? AND state_time = ? AND pid = ? AND host = ?"
            if connection.execute(where, owner).fetchone() is None:
                return False
            _upsert(connection, "flow_runs", rows.FLOW_COLUMNS, [rows.flow_row(rows.flow_snapshot(claimed))])
            connection.execute("UPDATE flow_runs SET heartbeat = ? WHERE id = ?", (time.time(), run.id.bytes))
            return True

        try:
            if not self._file.write(work):
                return False
        except (sqlite3.Error, OSError) as error:
            raise JournalUnavailable(
                f"The run history {self.path} cannot be written now: {error}.",
                "Look at the disk's space and the file's rights, and whether another process holds it.",
            ) from None
        rows.assign(run, claimed)
        self._running.add(run.id)
        return True

    def flow_runs(self, *, limit: int = 100, offset: int = 0, **wanted: Unpack[RunFilters]) -> list[FlowRun]:
        condition, values = Wanted(**wanted).where("?", "instr")
        found = self._select(
            f"{_FLOWS} WHERE {condition} ORDER BY created DESC, id LIMIT ? OFFSET ?", *values, limit, offset
        )
        return [rows.flow_record(row) for row in found]

    def flow_run(self, id_or_prefix: str) -> FlowRun:
        first, last = prefix_bounds(id_or_prefix)
        found = self._select(f"{_FLOWS} WHERE id BETWEEN ? AND ? ORDER BY created DESC LIMIT 5", first, last)
        return chosen([rows.flow_record(row) for row in found], id_or_prefix)

    def task_runs(self, flow_run_id: UUID) -> list[TaskRun]:
        found = self._select(f"{_TASKS} WHERE flow_run_id = ? ORDER BY created, rowid", flow_run_id.bytes)
        return [rows.task_record(row) for row in found]

    def subflow_runs(self, flow_run_id: UUID) -> list[FlowRun]:
        found = self._select(f"{_FLOWS} WHERE parent_flow_run_id = ? ORDER BY created, rowid", flow_run_id.bytes)
        return [rows.flow_record(row) for row in found]

    def completed(self, flow_run_id: UUID) -> dict[tuple[UUID, str], TaskRun]:
        found = self._select(
            f"{_TASKS} WHERE flow_run_id = ? AND state_type = 'COMPLETED' AND kind = 'task' "
            "AND result_serializer IS NOT NULL AND parent_id IS NOT NULL ORDER BY created, rowid",
            flow_run_id.bytes,
        )
        return {(run.parent_id, run.dynamic_key): run for run in map(rows.task_record, found) if run.parent_id}

    def logs(self, flow_run_id: UUID, after: int = 0, limit: int | None = None) -> list[LogEntry]:
        most = -1 if limit is None else limit
        found = self._select(
            f"{_LINES} WHERE flow_run_id = ? AND id > ? ORDER BY id LIMIT ?", flow_run_id.bytes, after, most
        )
        return [rows.log_record(row) for row in found]

    def prune(self, ended_before: datetime) -> list[UUID]:
        """Remove the flow runs that ended before a time, with all that belongs to them; returns their ids."""
        self.flush()

        def work(connection: sqlite3.Connection) -> list[UUID]:
            old = connection.execute(_OLD, (ended_before.timestamp(),)).fetchall()
            for table, column in (("lines", "flow_run_id"), ("task_runs", "flow_run_id"), ("flow_runs", "id")):
                connection.executemany(f"DELETE FROM {table} WHERE {column} = ?", old)
            return [UUID(bytes=id_) for (id_,) in old]

        return self._file.write(work)

    def _select(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        self.flush()
        return self._file.read(lambda connection: connection.execute(query, values).fetchall(), [])

    def _write(self, batch: Batch) -> None:
        flows = [rows.flow_row(snapshot) for snapshot in batch.flows.values()]
        tasks = [rows.task_row(snapshot) for snapshot in batch.tasks.values()]
        lines = [rows.log_row(entry) for entry in batch.lines]

        def work(connection: sqlite3.Connection) -> None:
            _upsert(connection, "flow_runs", rows.FLOW_COLUMNS, flows)
            _upsert(connection, "task_runs", rows.TASK_COLUMNS, tasks)
            _insert(connection, "lines", rows.LOG_COLUMNS, lines)
            if flows:
                self._mark_alive(connection)

        self._file.write(work)

    def _beat(self) -> None:
        if self._running and self._pid == os.getpid():
            self._file.write(self._mark_alive)

    def _mark_alive(self, connection: sqlite3.Connection) -> None:
        beats = [(time.time(), id_.bytes) for id_ in tuple(self._running)]
        connection.executemany("UPDATE flow_runs SET heartbeat = ? WHERE id = ?", beats)


_OLD = """
    WITH RECURSIVE old (id) AS (
        SELECT id FROM flow_runs WHERE end_time < ? AND parent_flow_run_id IS NULL
        UNION
        SELECT run.id FROM flow_runs AS run JOIN old ON run.parent_flow_run_id = old.id
    )
    SELECT id FROM old
"""


def _upsert(connection: sqlite3.Connection, table: str, columns: Sequence[str], values: list[rows.Row]) -> None:
    changed = ", ".join(f"{column} = excluded.{column}" for column in columns if column not in ("id", "heartbeat"))
    _insert(connection, table, columns, values, f" ON CONFLICT (id) DO UPDATE SET {changed}")


def _insert(
    connection: sqlite3.Connection, table: str, columns: Sequence[str], values: list[rows.Row], conflict: str = ""
) -> None:
    row = f"({', '.join('?' * len(columns))})"
    done = 0
    for size in _CHUNKS:
        while len(values) - done >= size:
            statement = f"INSERT INTO {table} ({', '.join(columns)}) VALUES {', '.join([row] * size)}{conflict}"
            connection.execute(statement, tuple(chain.from_iterable(values[done : done + size])))
            done += size
