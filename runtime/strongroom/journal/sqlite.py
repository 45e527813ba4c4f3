"""Run history in one SQLite file, written in batches by a thread, readable by any process at any time."""

# ruff: noqa: S608  all names in the statements are those of our own tables and columns

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Sequence
from itertools import chain
from pathlib import Path
from typing import TypeVar

from strongroom.databases.sqlite_file import SqliteFile
from strongroom.errors import JournalProblem, JournalUnavailable
from strongroom.journal import rows
from strongroom.journal.formats import run_history
from strongroom.journal.sql_journal import SqlJournal

T = TypeVar("T")

# One statement for many rows: each lets go of the interpreter's lock once, and may wait 5 ms to have it back.
_CHUNKS = (256, 32, 4, 1)


class SqliteJournal(SqlJournal):
    """See :class:`~strongroom.journal.journal.Journal`.

    What was flushed survives kill -9 (write-ahead log, ``synchronous=NORMAL``); a crash of the machine may cost the
    last moments, never the file. The file is made at the first write, for its owner alone.
    """

    _position = "instr"
    _first_saved = "rowid"

    def __init__(self, path: str | Path, **bounds: int) -> None:
        self._file = SqliteFile(Path(path).expanduser(), run_history("sqlite"))
        super().__init__((JournalProblem,), bounds)

    @property
    def path(self) -> Path:
        """The file."""
        return self._file.path

    def _change(self, work: Callable[[sqlite3.Connection], T]) -> T:
        try:
            return self._file.write(work)
        except (sqlite3.Error, OSError) as error:
            raise JournalUnavailable(
                f"The run history {self.path} cannot be written now: {error}.",
                "Look at the disk's space and the file's rights, and whether another process holds it.",
            ) from None

    def _read(self, work: Callable[[sqlite3.Connection], list[rows.Row]]) -> list[rows.Row]:
        return self._file.read(work, [])

    def _let_go(self) -> None:
        self._file.close()

    def _upsert(self, session: sqlite3.Connection, table: str, columns: Sequence[str], values: list[rows.Row]) -> None:
        changed = ", ".join(f"{column} = excluded.{column}" for column in columns if column not in ("id", "heartbeat"))
        _insert(session, table, columns, values, f" ON CONFLICT (id) DO UPDATE SET {changed}")

    def _insert_lines(self, session: sqlite3.Connection, values: list[rows.Row]) -> None:
        _insert(session, "lines", rows.LOG_COLUMNS, values)

    def _mark_alive(self, session: sqlite3.Connection, flow_run_ids: Sequence[bytes]) -> None:
        beats = [(time.time(), id_) for id_ in flow_run_ids]
        session.executemany("UPDATE flow_runs SET heartbeat = ? WHERE id = ?", beats)


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
