"""PostgreSQL as a database."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar, Literal
from urllib.parse import quote, urlencode

from pydantic import ConfigDict, Field, SecretStr, field_validator

from strongroom_blocks.block import Block
from strongroom_blocks.databases.engines import engine_with
from strongroom_blocks.databases.session_changes import RESET
from strongroom_blocks.databases.verbs import SqlVerbs
from strongroom_blocks.extras import require_extra
from strongroom_blocks.sources.secret_reference import refresh
from strongroom_blocks.twins import async_twin
from strongroom_blocks.types.postgresql_login import LetGo, Login, connections_of, is_denial, verdict
from strongroom_blocks.types.postgresql_session import PostgreSQLSession
from strongroom_blocks.types.postgresql_waiting import interruptible

if TYPE_CHECKING:
    from psycopg import Connection
    from sqlalchemy import Engine

_SETTING = re.compile(r"[a-z_][a-z0-9_]*(\.[a-z_][a-z0-9_]*)*")
Setting = str | bool | int | float


class PostgreSQL(SqlVerbs, Block, slug="postgresql", title="PostgreSQL", icon="database"):
    """A PostgreSQL database, reached with psycopg (extra ``postgres``).

    Connections are kept and shared by all blocks of the process that have the same values. Placeholders are ``:name``,
    or psycopg's ``%s`` and ``%(name)s``; each call is a transaction, and several are one inside
    ``with db.transaction() as work``. A password that its source replaced is fetched anew when the server refuses the
    former one.
    """

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"host": "db.example.com", "database": "shop", "password": "…"}]}
    )

    host: str = Field("localhost", description="A host, an address, or the folder of a socket.")
    port: int = Field(5432, ge=1, le=65535, description="Where the server listens.")
    database: str = Field(min_length=1, description="Its name.")
    user: str | None = Field(None, description="Who logs in; by default the user of the process.")
    password: SecretStr | None = Field(None, description="By default what PGPASSWORD or ~/.pgpass says.")
    sslmode: Literal["disable", "allow", "prefer", "require", "verify-ca", "verify-full"] = Field(
        "prefer", description="verify-full alone makes sure who answers."
    )
    sslrootcert: str | None = Field(None, description="The certificates to verify the server by; system for the OS'.")
    options: dict[str, Setting] = Field(
        default_factory=dict, description="Server settings of each connection, such as search_path, statement_timeout."
    )
    connect_timeout: int = Field(10, ge=2, description="How many seconds a connection may take to be made.")
    pool_size: int = Field(5, ge=1, le=100, description="How many connections a process keeps at most.")

    @field_validator("options")
    @classmethod
    def _named_as_settings(cls, value: dict[str, Setting]) -> dict[str, Setting]:
        if not all(_SETTING.fullmatch(name) for name in value):
            raise ValueError("names no setting of a server: write search_path, statement_timeout, …")
        return value

    @contextmanager
    def connection(self) -> Iterator[Connection[Any]]:
        """A connection of psycopg's own: committed at the end of the ``with``, rolled back if it raises. What is set on
        it ends with the ``with``.

        :raises MissingExtra: psycopg is not installed.
        :raises psycopg.OperationalError: the server cannot be reached, or refuses the login.
        """
        with self._lent() as session:
            session.changed = True  # as nothing is seen of what is set on it
            yield session.connection

    @contextmanager
    def _lent(self) -> Iterator[PostgreSQLSession]:
        connection, give_back = self._taken()
        session = PostgreSQLSession(connection)
        try:
            with interruptible(connection):
                yield session
            if not connection.closed:
                connection.commit()
        finally:
            try:
                if not connection.closed:
                    connection.rollback()
                    connection.autocommit = False
                    if session.changed:
                        connection.execute(RESET.encode())
                        connection.commit()
            except connection.Error:  # the server ended it meanwhile; what went wrong first is worth more
                connection.close()
            finally:
                give_back(connection)

    def check(self, timeout: float) -> str:
        """Log in and select 1.

        :raises CheckAbsent: there is no such database.
        :raises CheckDenied: the server does not take the login.
        :raises CheckUnreachable: nobody answers.
        :raises CheckFailed: the server answers with another error.
        """
        psycopg = require_extra("psycopg", extra="postgres")
        patience = {"connect_timeout": max(2, int(timeout))}
        try:
            with Login({**self._login().parameters, **patience}).connect() as connection:
                connection.execute("select 1")
                user, version = connection.info.user, connection.info.parameter_status("server_version") or ""
        except psycopg.Error as error:
            problem = verdict(error, f"{self.database} at {self.host}:{self.port}")
        else:
            return f"logged in as {user}, PostgreSQL {version.partition(' ')[0]}"
        raise problem

    acheck: ClassVar = async_twin(check)

    @contextmanager
    def transaction(self) -> Iterator[PostgreSQLSession]:
        """The verbs as one transaction: committed at the end of the ``with``, rolled back if it raises."""
        with self._lent() as session:
            yield session

    def url(self) -> str:
        """The database as a URI of libpq, the password in clear: for polars, ADBC and other clients."""
        user = quote(self.user or "", safe="")
        password = f":{quote(self.password.get_secret_value(), safe='')}" if self.password else ""
        host = f"[{self.host}]" if ":" in self.host else quote(self.host, safe="")
        place = f"{host}:{self.port}/{quote(self.database, safe='')}"
        more = {"sslmode": self.sslmode, "sslrootcert": self.sslrootcert, "options": _command_line(self.options)}
        query = urlencode({name: value for name, value in more.items() if value}, quote_via=quote)
        return f"postgresql://{user}{password}{'@' if user or password else ''}{place}?{query}"

    def engine(self) -> Engine:
        """An engine of SQLAlchemy (extra ``sql``), for pandas and whatever else takes one; it keeps no password.

        The process has one for each set of values, with ``pool_size`` connections of its own at most.

        :raises MissingExtra: SQLAlchemy or psycopg is not installed.
        """
        login = self._login()
        place = {name: value for name, value in login.parameters.items() if name != "password"}
        return engine_with(login.parameters, "postgresql+psycopg://", self.pool_size, login.connect, place=place)

    def environment(self) -> dict[str, str]:
        """The variables that ``psql`` and every other client of libpq read, the password in clear."""
        variables = {
            "PGHOST": self.host,
            "PGPORT": str(self.port),
            "PGDATABASE": self.database,
            "PGUSER": self.user,
            "PGPASSWORD": self.password.get_secret_value() if self.password else None,
            "PGSSLMODE": self.sslmode,
            "PGSSLROOTCERT": self.sslrootcert,
            "PGOPTIONS": _command_line(self.options),
            "PGCONNECT_TIMEOUT": str(self.connect_timeout),
        }
        return {name: value for name, value in variables.items() if value}

    def _taken(self) -> Any:
        psycopg = require_extra("psycopg", extra="postgres")
        for is_last in (False, False, True):
            try:
                return connections_of(self._login(), self.pool_size).take()
            except LetGo:  # another thread came with a newer password, or with very many other logins
                if is_last:
                    raise
            except psycopg.OperationalError as error:
                if is_last or not is_denial(error) or not refresh(self):
                    raise
        raise AssertionError

    def _login(self) -> Login:
        parameters = {
            "host": self.host,
            "port": self.port,
            "dbname": self.database,
            "user": self.user,
            "password": self.password.get_secret_value() if self.password else None,
            "sslmode": self.sslmode,
            "sslrootcert": self.sslrootcert,
            "options": _command_line(self.options),
            "connect_timeout": self.connect_timeout,
            "fallback_application_name": "strongroom",
        }
        return Login({name: value for name, value in parameters.items() if value is not None and value != ""})


def _command_line(options: Mapping[str, Setting]) -> str:
    """Server settings as libpq passes them on."""
    return " ".join(f"-c {name}={_escaped(value)}" for name, value in options.items())


def _escaped(value: Setting) -> str:
    text = str(value) if not isinstance(value, bool) else "on" if value else "off"
    return re.sub(r"([\\\s])", r"\\\1", text)
