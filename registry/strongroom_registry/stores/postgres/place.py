"""Where a registry's PostgreSQL is, how it is reached, and what its errors mean in words. Never shows a password."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import errors as pg
from psycopg.conninfo import conninfo_to_dict

from strongroom_registry.errors import StoreForeign, StoreProblem, StoreUnavailable

DEFAULTS: dict[str, Any] = {
    "connect_timeout": 10,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
    "fallback_application_name": "strongroom",
    "client_encoding": "utf8",
}
"""How libpq connects where the URL says nothing else."""

# Rows are asked for in the order of an index, a few at a time. Tables that were just filled have no statistics to tell
# the planner that; it would sort all of them each time.
_SETTINGS = b"""
SELECT set_config('search_path', 'pg_catalog, strongroom, pg_temp', false), set_config('row_security', 'off', false),
    set_config('jit', 'off', false), set_config('enable_sort', 'off', false),
    set_config('enable_bitmapscan', 'off', false),
    CASE WHEN current_setting('synchronous_commit') = 'remote_apply' THEN ''
         ELSE set_config('synchronous_commit', 'on', false) END,
    CASE WHEN current_setting('statement_timeout') <> '0' THEN ''
         ELSE set_config('statement_timeout', '120s', false) END,
    CASE WHEN current_setting('lock_timeout') <> '0' THEN ''
         ELSE set_config('lock_timeout', '30s', false) END,
    CASE WHEN current_setting('idle_in_transaction_session_timeout') <> '0' THEN ''
         ELSE set_config('idle_in_transaction_session_timeout', '600s', false) END
"""

_AGAIN = "Another process keeps it locked or busy: try again when it is finished. Nothing was changed."
_RIGHTS = (
    "Have an administrator grant this role USAGE on the schema strongroom and SELECT, INSERT, UPDATE and DELETE on its "
    "tables; or, to make the registry, CREATE on the database or a schema strongroom of its own."
)
_REACHABLE = (
    "See whether the server runs and is reachable from here, and whether user, password and database are right."
)
_REMEDIES: tuple[tuple[tuple[type[psycopg.Error], ...], str], ...] = (
    ((pg.DiskFull, pg.OutOfMemory), "The server is out of room: make some and try again. Nothing was changed."),
    ((pg.LockNotAvailable, pg.QueryCanceled, pg.SerializationFailure, pg.DeadlockDetected), _AGAIN),
    ((pg.ReadOnlySqlTransaction,), "Name the primary server, or a role that may write."),
    ((pg.InsufficientPrivilege,), _RIGHTS),
    ((pg.UniqueViolation,), "Another process was faster: open the registry again. Nothing was changed."),
    ((pg.TooManyConnections,), "Let the server take more connections, or open fewer registries."),
)


class Place:
    """A database, as libpq understands a URL: what it leaves out comes from ``PG…`` variables, ``~/.pgpass`` and
    service files.

    :raises StoreUnavailable: the text is none that libpq understands.
    """

    def __init__(self, url: str) -> None:
        parts = _parsed(url)
        self._parameters = {**DEFAULTS, **parts}
        host = parts.get("host") or parts.get("hostaddr") or os.environ.get("PGHOST", "this machine")
        port = parts.get("port") or os.environ.get("PGPORT", "5432")
        user = parts.get("user") or os.environ.get("PGUSER")
        database = parts.get("dbname") or os.environ.get("PGDATABASE") or user or "of this user"
        self.text = f"the database {database} of {host}:{port}"

    def __repr__(self) -> str:
        return f"Place({self.text!r})"

    @property
    def parameters(self) -> dict[str, Any]:
        """What a connection is opened with; the password, if the URL had one, among it."""
        return {**self._parameters, "autocommit": True}

    def connect(self) -> psycopg.Connection[Any]:
        """A new connection with our settings. One that the server, the role or the URL set a time-out for keeps it.

        :raises StoreUnavailable: there is none to be had.
        """
        with self.in_words():
            connection = psycopg.connect(**self.parameters)
            try:
                self.configure(connection)
            except BaseException:
                connection.close()
                raise
        return connection

    def configure(self, connection: psycopg.Connection[Any]) -> None:
        """Give a new connection our settings: our tables alone, commits that are on the disk, time-outs."""
        encoding = connection.info.parameter_status("server_encoding")
        if encoding != "UTF8":
            raise StoreUnavailable(
                f"{self.text} has the encoding {encoding}, which cannot hold every name.".capitalize(),
                "Make a database with the encoding UTF8.",
            )
        connection.execute(_SETTINGS)

    def busy(self) -> StoreUnavailable:
        """That all connections are in use."""
        return StoreUnavailable(
            f"All connections of this process to {self.text} are in use.", "Try again when others are finished."
        )

    def closed(self) -> StoreUnavailable:
        """That the registry was closed."""
        return StoreUnavailable(f"The registry in {self.text} was closed.", "Open it again.")

    @contextmanager
    def in_words(self) -> Iterator[None]:
        """Errors of the driver inside the block become those of a store."""
        try:
            yield
        except psycopg.Error as exc:
            raise self.problem(exc) from None

    def problem(self, exc: psycopg.Error) -> StoreProblem:
        """An error of the driver as one of a store, with what to do about it."""
        sentence = said(exc)
        if isinstance(exc, (pg.UndefinedTable, pg.UndefinedColumn, pg.NotNullViolation, pg.DatatypeMismatch)):
            return StoreForeign(
                f"The tables of {self.text} are not those of a registry: {sentence}.",
                "Another version of Strongroom may have upgraded them: open the registry again, or restore a backup.",
            )
        if isinstance(exc, (pg.DataCorrupted, pg.IndexCorrupted)):
            return StoreForeign(f"The tables of {self.text} are corrupt: {sentence}.", "Restore them from a backup.")
        for kinds, remedy in _REMEDIES:
            if isinstance(exc, kinds):
                return StoreUnavailable(f"The registry in {self.text} cannot be used: {sentence}.", remedy)
        return StoreUnavailable(f"The registry in {self.text} cannot be used: {sentence}.", _REACHABLE)


def _parsed(url: str) -> dict[str, Any]:
    try:
        return {name: value for name, value in conninfo_to_dict(url).items() if value is not None}
    except psycopg.Error:
        pass  # what libpq says of a URL repeats parts of it, the password maybe
    raise StoreUnavailable(
        "The URL of the registry is none that PostgreSQL's client understands.",
        "Write postgresql://USER@HOST/DATABASE, and the characters of a password that are not letters or digits "
        "in per cent, or better the password in PGPASSWORD or ~/.pgpass.",
    )


def said(exc: psycopg.Error) -> str:
    """The driver's own sentence, without details that may repeat a row."""
    text = exc.diag.message_primary or str(exc).strip().partition("\n")[0]
    return text.rstrip(".")
