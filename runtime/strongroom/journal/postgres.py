"""Run history in a PostgreSQL database, for machines that share one.

This module loads psycopg (``strongroom[postgres]``): import it inside the function that asks.
"""

# ruff: noqa: S608  all names in the statements are those of our own tables and columns

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import psycopg

from strongroom.databases.postgres import PostgresDatabase
from strongroom.errors import JournalProblem
from strongroom.journal import rows
from strongroom.journal.formats import run_history
from strongroom.journal.records import FlowRun
from strongroom.journal.sql_journal import SqlJournal

T = TypeVar("T")

_NOW = "extract(epoch FROM clock_timestamp())"
_AGE = f"({_NOW} - heartbeat)::double precision"
_HEARTBEAT = rows.FLOW_COLUMNS.index("heartbeat")
_BYTES = frozenset(
    {"id", "flow_run_id", "task_run_id", "parent_id", "parent_flow_run_id", "parent_task_run_id", "replay_of"}
    | {"parameters", "source_hash", "inputs_fingerprint", "upstream", "result_inline"}
)
_NUMBERS = frozenset(["run_count", "pid", "result_size", "level"])
_TIMES = frozenset(
    ["state_time", "created", "start_time", "end_time", "heartbeat", "result_expires", "expected_start", "time"]
)


class PostgresJournal(SqlJournal):
    """See :class:`~strongroom.journal.journal.Journal`.

    Heartbeats are the server's clock, so that the clocks of machines may differ. Lines of a run are numbered in the
    order in which they can be read, whoever writes them.

    :param url: ``postgresql://USER@HOST/DATABASE``; what it leaves out comes from ``PG…`` variables and ``~/.pgpass``.
    """

    _position = "strpos"
    _first_saved = "number"
    _flow_columns = ", ".join(_AGE if column == "heartbeat" else column for column in rows.FLOW_COLUMNS)
    _for_update = " FOR UPDATE"

    def __init__(self, url: str, **bounds: int) -> None:
        self._database = PostgresDatabase(url, run_history("postgres"))
        super().__init__((JournalProblem, OSError), bounds, apart=True)

    def __repr__(self) -> str:
        return f"PostgresJournal({self._database.text!r})"

    def _change(self, work: Callable[[_Session], T]) -> T:
        # Statements go out without waiting for each other's answers, so a batch takes three round trips.
        with self._database.transaction() as connection, connection.pipeline():
            return work(_Session(connection))

    def _read(self, work: Callable[[_Session], list[rows.Row]]) -> list[rows.Row]:
        with self._database.transaction() as connection:
            return work(_Session(connection))

    def _let_go(self) -> None:
        self._database.close()

    def _upsert(self, session: _Session, table: str, columns: Sequence[str], values: list[rows.Row]) -> None:
        session.send(_upserting(table, tuple(columns)), _columns(values))

    def _insert_lines(self, session: _Session, values: list[rows.Row]) -> None:
        # Numbers are given before they can be seen, so writers of the same run take turns.
        runs = sorted({int.from_bytes(row[0][:8], "big", signed=True) for row in values if row[0] is not None})
        session.send("SELECT pg_advisory_xact_lock(run) FROM unnest(%s::bigint[]) AS run", [runs])
        session.send(_inserting("lines", tuple(rows.LOG_COLUMNS)), _columns(values))

    def _mark_alive(self, session: _Session, flow_run_ids: Sequence[bytes]) -> None:
        session.send(f"UPDATE flow_runs SET heartbeat = {_NOW} WHERE id = ANY(%s::bytea[])", [list(flow_run_ids)])

    def _flow_record(self, row: rows.Row) -> FlowRun:
        age = row[_HEARTBEAT]
        beat = None if age is None else time.time() - age
        return super()._flow_record((*row[:_HEARTBEAT], beat, *row[_HEARTBEAT + 1 :]))


class _Session:
    """See :class:`~strongroom.journal.sql_journal.Session`."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection

    def execute(self, statement: str, values: Sequence[Any] = ()) -> psycopg.Cursor[Any]:
        return self._connection.execute(statement.replace("?", "%s").encode(), values, binary=True)

    def executemany(self, statement: str, values: Sequence[Sequence[Any]]) -> None:
        with self._connection.cursor() as cursor:
            cursor.executemany(statement.replace("?", "%s").encode(), values)

    def send(self, statement: str, values: Sequence[Any]) -> None:
        """A statement whose answer nobody wants."""
        self._connection.execute(statement.encode(), values)


@functools.cache
def _inserting(table: str, columns: tuple[str, ...]) -> str:
    """Insert rows that are given as one array a column."""
    arrays = ", ".join(f"%b::{_type(column)}[]" for column in columns)
    return f"INSERT INTO {table} ({', '.join(columns)}) SELECT * FROM unnest({arrays})"


@functools.cache
def _upserting(table: str, columns: tuple[str, ...]) -> str:
    changed = ", ".join(f"{column} = excluded.{column}" for column in columns if column not in ("id", "heartbeat"))
    return f"{_inserting(table, columns)} ON CONFLICT (id) DO UPDATE SET {changed}"


def _columns(values: list[rows.Row]) -> list[list[Any]]:
    return [list(column) for column in zip(*values, strict=True)]


def _type(column: str) -> str:
    if column in _BYTES:
        return "bytea"
    if column in _NUMBERS:
        return "bigint"
    return "double precision" if column in _TIMES else "text"
