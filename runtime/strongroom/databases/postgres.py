"""One PostgreSQL database of the runtime: its tables lie in the schema ``strongroom_runs``, beside the registry's own.

This module loads psycopg (``strongroom[postgres]``): import it inside the function that asks.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import errors as pg
from psycopg.conninfo import conninfo_to_dict
from strongroom_registry.errors import StrongroomError
from strongroom_registry.stores.postgres.connections import Connections
from strongroom_registry.stores.postgres.place import DEFAULTS, said

from strongroom.databases.kind import Kind, statements

SCHEMA = "strongroom_runs"

_SETTINGS = f"""
SELECT set_config('search_path', 'pg_catalog, {SCHEMA}, pg_temp', false), set_config('jit', 'off', false),
    CASE WHEN current_setting('statement_timeout') <> '0' THEN ''
         ELSE set_config('statement_timeout', '120s', false) END,
    CASE WHEN current_setting('lock_timeout') <> '0' THEN ''
         ELSE set_config('lock_timeout', '30s', false) END,
    CASE WHEN current_setting('idle_in_transaction_session_timeout') <> '0' THEN ''
         ELSE set_config('idle_in_transaction_session_timeout', '600s', false) END
"""
_FORMATS = f"""
CREATE TABLE IF NOT EXISTS {SCHEMA}.formats (kind TEXT PRIMARY KEY, format INTEGER NOT NULL)
"""
_REACHABLE = (
    "See whether the server runs and is reachable from here, and whether user, password and database are right."
)
_RIGHTS = (
    f"Have an administrator grant this role CREATE on the database, or a schema {SCHEMA} of its own and rights on its "
    "tables."
)


class PostgresDatabase:
    """The tables of one kind in a PostgreSQL database, made and brought to the newest format when first used.

    :param url: ``postgresql://USER@HOST/DATABASE``, as libpq understands it; what it leaves out comes from ``PG…``
        variables and ``~/.pgpass``.
    :param at_most: how many connections are open at a time.
    """

    def __init__(self, url: str, kind: Kind, *, at_most: int = 8) -> None:
        self._kind = kind
        self._parameters = {**DEFAULTS, **self._parsed(url), "autocommit": True}
        host = self._parameters.get("host") or os.environ.get("PGHOST", "this machine")
        self.text = f"the {kind.name} in the database {self._parameters.get('dbname', 'of this user')} of {host}"
        self._at_most = at_most
        self._connections = Connections(self, at_most=at_most)
        self._is_ready = False
        self._pid = os.getpid()

    @contextmanager
    def transaction(self) -> Iterator[psycopg.Connection[Any]]:
        """A connection in a transaction of its own; an exception rolls it back.

        Raises the kind's ``unavailable``, ``foreign`` and ``newer`` errors.
        """
        if self._pid != os.getpid():
            self._connections.after_fork()
            self._pid = os.getpid()
        with self._in_words(), self._connections.lent() as connection:
            if not self._is_ready:
                self._prepare(connection)
                self._is_ready = True
            with connection.transaction():
                yield connection

    @contextmanager
    def glance(self) -> Iterator[psycopg.Connection[Any]]:
        """A connection for one statement, which is a transaction of its own. Raises what ``transaction`` raises."""
        if not self._is_ready or self._pid != os.getpid():
            with self.transaction():
                pass
        with self._in_words(), self._connections.lent() as connection:
            yield connection

    def close(self) -> None:
        """Close the connections; the next transaction opens others."""
        connections, self._connections = self._connections, Connections(self, at_most=self._at_most)
        if self._pid == os.getpid():
            connections.close()

    @property
    def parameters(self) -> dict[str, Any]:
        """What a connection is opened with; the password, if the URL had one, among it."""
        return self._parameters

    def connect(self) -> psycopg.Connection[Any]:
        """A new connection with our settings."""
        with self._in_words():
            connection = psycopg.connect(**self._parameters)
            try:
                self.configure(connection)
            except BaseException:
                connection.close()
                raise
        return connection

    def configure(self, connection: psycopg.Connection[Any]) -> None:
        """Give a new connection our settings."""
        connection.execute(_SETTINGS.encode())

    def busy(self) -> StrongroomError:
        """That all connections are in use."""
        return self._kind.unavailable(f"All connections to {self.text} are in use.", "Try again later.")

    def closed(self) -> StrongroomError:
        """That the database was closed."""
        return self._kind.unavailable(f"The connections to {self.text} were closed.", "Try again.")

    def _prepare(self, connection: psycopg.Connection[Any]) -> None:
        """Make the tables, or bring them to the newest format; one process at a time."""
        kind = self._kind
        with connection.transaction():
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (kind.application_id,))
            if not connection.execute("SELECT to_regclass(%s)", (f"{SCHEMA}.formats",)).fetchone()[0]:  # type: ignore[index]
                if not connection.execute("SELECT 1 FROM pg_namespace WHERE nspname = %s", (SCHEMA,)).fetchone():
                    connection.execute(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}".encode())
                connection.execute(_FORMATS.encode())
            row = connection.execute(
                f"SELECT format FROM {SCHEMA}.formats WHERE kind = %s".encode(),  # noqa: S608
                (kind.name,),
            ).fetchone()
            found = 0 if row is None else row[0]
            if found > kind.format:
                raise kind.newer(f"A newer version of Strongroom made {self.text}.", "Upgrade strongroom.")
            if found == kind.format:
                return
            connection.execute(f"SET LOCAL search_path = {SCHEMA}, pg_catalog".encode())
            for script in kind.migrations[found:]:
                for statement in statements(script):
                    connection.execute(statement.encode())
            connection.execute(
                f"INSERT INTO {SCHEMA}.formats VALUES (%s, %s) "  # noqa: S608
                "ON CONFLICT (kind) DO UPDATE SET format = excluded.format".encode(),
                (kind.name, kind.format),
            )

    @contextmanager
    def _in_words(self) -> Iterator[None]:
        try:
            yield
        except psycopg.Error as error:
            raise self._problem(error) from None

    def _problem(self, error: psycopg.Error) -> StrongroomError:
        """An error of the driver in words, without details that may repeat a row."""
        sentence = said(error)
        if isinstance(error, (pg.UndefinedTable, pg.UndefinedColumn, pg.NotNullViolation, pg.DatatypeMismatch)):
            return self._kind.foreign(f"The tables of {self.text} are not what they should be: {sentence}.", _REACHABLE)
        remedy = _RIGHTS if isinstance(error, pg.InsufficientPrivilege) else _REACHABLE
        return self._kind.unavailable(f"{self.text[0].upper()}{self.text[1:]} cannot be used now: {sentence}.", remedy)

    def _parsed(self, url: str) -> dict[str, Any]:
        try:
            return {name: value for name, value in conninfo_to_dict(url).items() if value is not None}
        except psycopg.Error:
            pass  # what libpq says of a URL repeats parts of it, the password maybe
        raise self._kind.unavailable(
            f"{self._kind.variable} is no URL that PostgreSQL's client understands.",
            "Write postgresql://USER@HOST/DATABASE, and the password into PGPASSWORD or ~/.pgpass.",
        )
