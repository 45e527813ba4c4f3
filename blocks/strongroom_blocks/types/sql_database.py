"""Any database that SQLAlchemy has a driver for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, ClassVar, Self

from pydantic import ConfigDict, Field, PrivateAttr, SecretStr, field_validator
from pydantic.config import JsonDict
from strongroom_registry.errors import StrongroomError

from strongroom_blocks.block import Block
from strongroom_blocks.databases.engines import engine_with, new_engine
from strongroom_blocks.databases.session_changes import forget
from strongroom_blocks.databases.sqlalchemy_faults import connected, is_denial, verdict
from strongroom_blocks.databases.sqlalchemy_session import SqlAlchemySession
from strongroom_blocks.databases.sqlalchemy_url import parts_of, url_of
from strongroom_blocks.databases.verbs import SqlVerbs
from strongroom_blocks.errors import CheckAbsent
from strongroom_blocks.secrets import SecretDict
from strongroom_blocks.sources.secret_reference import refresh
from strongroom_blocks.twins import async_twin

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection, Engine

_DRIVER = re.compile(r"[a-z][a-z0-9_]*(\+[a-z][a-z0-9_]*)?")
_ASYNCHRONOUS = re.compile(r".*\+(asyncpg|aiosqlite|aiomysql|asyncmy|aioodbc|oracledb_async|psycopg_async)")
_OWN_DRIVERS = {"postgresql": "postgresql+psycopg", "postgres": "postgresql+psycopg"}
_EXAMPLE: JsonDict = {
    "driver": "mysql+pymysql",
    "host": "db.example.com",
    "database": "shop",
    "username": "etl",
    "password": "…",
}


class SqlDatabase(SqlVerbs, Block, slug="sql-database", title="SQL Database", icon="database"):
    """Any database that SQLAlchemy has a driver for: SQLite, MySQL, Oracle, SQL Server and many more (extra ``sql``).

    Each driver is a package of its own. Connections are kept and shared by all blocks of the process that have the same
    values. Placeholders are ``:name``, or the driver's own; each call is a transaction, and several are one inside
    ``with db.transaction() as work``. A password that its source replaced is fetched anew when the server refuses the
    former one. Made from a URL with :meth:`from_url`.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    driver: str = Field("postgresql+psycopg", description="As SQLAlchemy names it: sqlite, mysql+pymysql, …")
    host: str | None = Field(None, description="A host or an address.")
    port: int | None = Field(None, ge=1, le=65535, description="The port, where it is not the usual one.")
    database: str | None = Field(None, description="Its name; for SQLite the file, in memory without one.")
    username: str | None = Field(None, description="Who logs in.")
    password: SecretStr | None = Field(None, description="The password of who logs in.")
    query: SecretDict = Field(SecretDict({}), description="What the driver takes in a URL's query, by name.")
    connect_args: SecretDict = Field(SecretDict({}), description="What the driver's connect function takes besides.")
    pool_size: int = Field(5, ge=1, le=100, description="How many connections a process keeps at most.")

    _memory: Any = PrivateAttr(default=None)
    _lock: Any = PrivateAttr(default_factory=Lock)

    @field_validator("driver")
    @classmethod
    def _is_a_driver_that_waits(cls, value: str) -> str:
        if not _DRIVER.fullmatch(value):
            raise ValueError("names no driver of SQLAlchemy: write sqlite, postgresql+psycopg, mysql+pymysql, …")
        if _ASYNCHRONOUS.fullmatch(value):
            raise ValueError(
                "is an asynchronous driver; name a synchronous one, every verb of which has a twin to await"
            )
        return _OWN_DRIVERS.get(value, value)

    @classmethod
    def from_url(cls, url: str, **fields: Any) -> Self:
        """A block of a URL's parts, so that its password is a secret like any other.

        :param fields: of the block, that a URL has no place for.
        :raises BlockValidationError: it is no URL of SQLAlchemy; the error does not quote it.
        :raises MissingExtra: SQLAlchemy is not installed.
        """
        try:
            return cls(**{**parts_of(url), **fields})
        except StrongroomError as error:
            refusal = error.with_traceback(None)
            refusal.__context__ = refusal.__cause__ = None
        url, fields = "", {}  # the frames of an error are shown
        raise refusal

    def url(self) -> URL:
        """The database as SQLAlchemy names it; it shows stars, ``render_as_string(hide_password=False)`` does not.

        :raises MissingExtra: SQLAlchemy is not installed.
        """
        password = self.password.get_secret_value() if self.password else None
        return url_of(
            self.driver,
            host=self.host,
            port=self.port,
            database=self.database,
            username=self.username,
            password=password,
            query=self.query.get_secret_value(),
        )

    def engine(self) -> Engine:
        """The engine of SQLAlchemy below, for pandas, polars and whatever else takes one.

        The process has one for each set of values; a database in memory has its own for each block.

        :raises MissingExtra: SQLAlchemy or the driver is not installed.
        """
        if self._is_in_memory():
            with self._lock:
                if self._memory is None:
                    arguments = {**self._connect_args(), "check_same_thread": False}
                    self._memory = new_engine(self.url(), 1, connect_args=arguments)
                engine: Engine = self._memory
            return engine
        return engine_with(
            self._login(), self.url(), self.pool_size, place=self._place(), connect_args=self._connect_args()
        )

    @contextmanager
    def connection(self) -> Iterator[Any]:
        """A connection of the driver's own (PEP 249): committed at the end of the ``with``, rolled back if it raises.

        What is set on it ends with the ``with``, in PostgreSQL.

        :raises MissingExtra: SQLAlchemy or the driver is not installed.
        :raises sqlalchemy.exc.DBAPIError: the database cannot be reached, or refuses the login.
        """
        with self._connected() as connection:
            try:
                with connection.begin():
                    yield connection.connection
            finally:
                forget(connection)

    @contextmanager
    def transaction(self) -> Iterator[SqlAlchemySession]:
        """The verbs as one transaction: committed at the end of the ``with``, rolled back if it raises."""
        with self._begun() as connection:
            yield SqlAlchemySession(connection)

    def check(self, timeout: float) -> str:
        """Log in and select 1.

        :raises CheckAbsent: there is no such database.
        :raises CheckDenied: it does not take the login.
        :raises CheckUnreachable: nobody answers.
        :raises CheckFailed: it answers with another error.
        """
        import sqlalchemy

        if self._is_file() and not Path(str(self.database)).exists():
            raise CheckAbsent(
                f"There is no file {self.database}.", "SQLite makes it at the first write; or correct database."
            )
        try:
            with self._begun() as connection:
                connection.scalar(sqlalchemy.select(1))
                version = ".".join(map(str, connection.dialect.server_version_info or ()))
        except sqlalchemy.exc.DBAPIError as error:
            problem = verdict(error, f"{self.database or 'the database'} at {self.host or 'this machine'}")
        else:
            who = f"logged in as {self.username}" if self.username else "opens and answers"
            return f"{who}, {self.driver.partition('+')[0]} {version}".rstrip()
        raise problem

    acheck: ClassVar = async_twin(check)

    @contextmanager
    def _begun(self) -> Iterator[Connection]:
        with self._connected() as connection, connection.begin():
            yield connection

    def _connected(self) -> Connection:
        outcome = connected(self.engine())
        if not isinstance(outcome, Exception):
            return outcome
        if is_denial(outcome) and refresh(self):
            outcome = connected(self.engine())
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def _login(self) -> dict[str, Any]:
        return {
            **self._place(),
            "password": self.password.get_secret_value() if self.password else None,
            "query": sorted(self.query.get_secret_value().items()),
            "connect_args": sorted(self.connect_args.get_secret_value().items()),
        }

    def _place(self) -> dict[str, Any]:
        """What stays the same when the credential is rotated."""
        names = ("driver", "host", "port", "database", "username", "pool_size")
        return {name: getattr(self, name) for name in names}

    def _connect_args(self) -> dict[str, Any]:
        return dict(self.connect_args.get_secret_value())

    def _is_in_memory(self) -> bool:
        return self._is_sqlite() and (self.database or ":memory:") == ":memory:"

    def _is_file(self) -> bool:
        return self._is_sqlite() and not self._is_in_memory() and not str(self.database).startswith("file:")

    def _is_sqlite(self) -> bool:
        return self.driver.partition("+")[0] == "sqlite"
