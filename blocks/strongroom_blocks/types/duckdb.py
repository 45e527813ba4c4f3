"""DuckDB as a database."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import ConfigDict, Field, PrivateAttr

from strongroom_blocks.block import Block
from strongroom_blocks.databases.verbs import SqlVerbs
from strongroom_blocks.errors import CheckAbsent, CheckDenied, CheckFailed, CheckUnreachable
from strongroom_blocks.extras import require_extra
from strongroom_blocks.twins import async_twin
from strongroom_blocks.types.duckdb_session import DuckDBSession

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

MEMORY = ":memory:"
_DOOR = Lock()  # opening a file while another thread closes it last ends in DuckDB's "Unique file handle conflict"


class DuckDB(SqlVerbs, Block, slug="duckdb", title="DuckDB", icon="database"):
    """A DuckDB database: a file, or one in memory that lives as long as this object.

    A file is opened for each call and closed after it, so that other processes get their turn; several calls share one
    opening, and are one transaction, inside ``with db.transaction() as work``. Placeholders are ``:name``, or DuckDB's
    ``?``, ``$1`` and ``$name``.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [{"path": "shop.duckdb"}]})

    path: str = Field(MEMORY, description="The file, or :memory:.")
    read_only: bool = Field(False, description="Whether to open it so that other processes may read it meanwhile.")
    settings: dict[str, str | bool | int | float] = Field(
        default_factory=dict, description="Settings of DuckDB, such as memory_limit or threads."
    )

    _shared: DuckDBPyConnection | None = PrivateAttr(default=None)
    _lock: Any = PrivateAttr(default_factory=Lock)

    def check(self, timeout: float) -> str:
        """Open the database and select 1.

        :raises CheckAbsent: there is no such file. DuckDB would make one; a check does not.
        :raises CheckDenied: this process may not open it.
        :raises CheckUnreachable: another process has it open for writing.
        :raises CheckFailed: it is no DuckDB database, or a setting does not fit.
        """
        duckdb = require_extra("duckdb", extra="duckdb")
        place = Path(self.path).expanduser()
        if self.path != MEMORY and not place.exists():
            raise CheckAbsent(f"There is no file {place}.", "DuckDB makes it at the first write; or correct the path.")
        if self.path != MEMORY and not os.access(place, os.R_OK if self.read_only else os.R_OK | os.W_OK):
            raise CheckDenied(f"This process may not open {place}.", "Give its user the permission, or read_only.")
        try:
            self.fetch_one("select 1")
        except duckdb.Error as error:
            said = str(error).partition("\n")[0]
        else:
            return "opens and answers"
        if "lock" in said:
            raise CheckUnreachable(f"{place} is open in another process.", "Close it there, or set read_only in both.")
        raise CheckFailed(f"DuckDB does not open {place}: {said}.", "Correct the path or the settings.")

    acheck: ClassVar = async_twin(check)

    @contextmanager
    def connection(self) -> Iterator[DuckDBPyConnection]:
        """An open connection, closed at the end of the ``with``.

        :raises MissingExtra: DuckDB is not installed.
        """
        connection = self._cursor() if self.path == MEMORY else self._open()
        try:
            yield connection
        finally:
            with _DOOR:
                connection.close()

    def _open(self) -> DuckDBPyConnection:
        duckdb = require_extra("duckdb", extra="duckdb")
        place = self.path if self.path == MEMORY else str(Path(self.path).expanduser())
        with _DOOR:
            connection: DuckDBPyConnection = duckdb.connect(place, read_only=self.read_only, config=dict(self.settings))
        return connection

    def _cursor(self) -> DuckDBPyConnection:
        with self._lock:
            if self._shared is None:
                self._shared = self._open()
            return self._shared.cursor()

    @contextmanager
    def transaction(self) -> Iterator[DuckDBSession]:
        """The verbs as one transaction: committed at the end of the ``with``, undone if it raises."""
        with self.connection() as connection:
            connection.begin()
            try:
                yield DuckDBSession(connection)
            except BaseException:
                with suppress(Exception):  # an error of a commit, or a fatal one, has ended the transaction
                    connection.rollback()
                raise
            connection.commit()

    @contextmanager
    def _session(self) -> Iterator[DuckDBSession]:
        with self.connection() as connection:
            yield DuckDBSession(connection)
