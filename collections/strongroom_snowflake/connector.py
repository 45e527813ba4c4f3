"""SnowflakeConnector: a database in Snowflake."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import ConfigDict, Field
from strongroom import Block, async_twin
from strongroom.sql import Parameters, RowBatch, SqlVerbs, batches, stream_twin

from strongroom_snowflake import connections, results, running, sessions
from strongroom_snowflake.checks import checking
from strongroom_snowflake.credentials import EXAMPLE, SnowflakeCredentials
from strongroom_snowflake.results import ResultKind
from strongroom_snowflake.statement import Statement
from strongroom_snowflake.transaction import SnowflakeTransaction

if TYPE_CHECKING:
    from types import TracebackType

    from snowflake.connector import SnowflakeConnection

_EXAMPLE: dict[str, Any] = {"credentials": EXAMPLE, "warehouse": "loading", "database": "shop", "schema": "public"}


class SnowflakeConnector(SqlVerbs, Block, slug="snowflake-connector", title="Snowflake Connector"):
    """A database in Snowflake, with the warehouse that works for it.

    Each call takes a connection of its own from those that the process keeps, so that threads do not wait for each
    other. Inside of ``with connector:`` all calls share one session: fetching the same query again gives the rows that
    come next, and what statements set in the session stays. Placeholders are ``%s`` and ``%(name)s``, or what
    ``paramstyle`` says; the connector binds them.
    """

    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True, json_schema_extra={"examples": [_EXAMPLE]})

    credentials: SnowflakeCredentials = Field(description="Who asks.")
    database: str | None = Field(None, description="The database to work in.")
    warehouse: str | None = Field(None, description="The warehouse that does the work.")
    schema_: str | None = Field(None, alias="schema", description="The schema to work in.")
    role: str | None = Field(None, description="The role to act in, in place of that of the credentials.")
    session_parameters: dict[str, str | int | float | bool] = Field(
        default_factory=dict, description="Parameters of each session, such as TIMEZONE, STATEMENT_TIMEOUT_IN_SECONDS."
    )
    paramstyle: Literal["pyformat", "qmark", "numeric"] = Field(
        "pyformat", description="How placeholders are written: %s, ? or :1. The latter two are bound by the server."
    )
    fetch_size: int = Field(1, ge=1, description="How many rows fetch_many gives unless told otherwise.")
    poll_frequency_s: float = Field(1, gt=0, description="Seconds between two looks at a query that runs.")
    pool_size: int = Field(8, ge=0, le=100, description="How many connections a process keeps open between calls.")
    query_tags: bool = Field(True, description="Whether queries are tagged with the run that asks them.")

    def get_connection(self, /, **connect_kwargs: Any) -> SnowflakeConnection:
        """A new connection of the connector's own, for what this block has no method for; close it when done.

        :param connect_kwargs: what ``snowflake.connector.connect`` takes besides.
        :raises CredentialsProblem: Snowflake does not let this login in.
        :raises ServerUnreachable: nobody answers.
        :raises MissingExtra: the connector is not installed.
        """
        return connections.opened(self, lambda: self._login(**connect_kwargs))

    aget_connection: ClassVar = async_twin(get_connection)

    @contextmanager
    def connection(self) -> Iterator[SnowflakeConnection]:
        """A connection of the connector's own: that of the ``with connector:`` around it, or one that is given back."""
        with running.lent(self) as connection:
            yield connection

    def check(self, timeout: float) -> str:
        """Log in, and see whether database, schema and warehouse are there.

        :raises CheckAbsent: one of them is not there, or the role may not use it.
        :raises CheckDenied: Snowflake does not let this login in.
        :raises CheckUnreachable: nobody answers.
        """
        from strongroom_snowflake.checks import see_places

        with checking(f"account {self.credentials.account}"):
            login = self._login(**connections.patience(timeout))
            with connections.one(self, lambda: login) as connection:
                return see_places(connection, self.database, self.schema_, self.warehouse)

    acheck: ClassVar = async_twin(check)

    def execute(
        self, /, operation: str, parameters: Parameters = None, cursor_type: type[Any] | None = None, **options: Any
    ) -> None:
        """Run a statement, and commit where statements are not committed by themselves.

        :param options: what ``cursor.execute`` takes besides, such as ``timeout=`` in seconds.
        :raises QueryFailed: Snowflake says no; the error names the query.
        """
        running.ran(self, Statement(operation, parameters, cursor_type, options), lambda cursor: None)

    aexecute: ClassVar = async_twin(execute)
    execute_async: ClassVar = aexecute

    def execute_many(self, operation: str, seq_of_parameters: Iterable[Any]) -> None:
        """Run a statement once for each row of parameters, all of them or none, a few thousand at a time."""
        running.many(self, operation, seq_of_parameters)

    aexecute_many: ClassVar = async_twin(execute_many)
    execute_many_async: ClassVar = aexecute_many

    def query(
        self, operation: str, parameters: Parameters = None, result: ResultKind = "rows", /, **options: Any
    ) -> Any:
        """Everything that a query finds, as a list of tuples (``rows``) or ``dicts``, a ``pyarrow.Table`` (``arrow``),
        or a data frame of ``pandas`` or ``polars``.

        :raises QueryFailed: Snowflake says no; the error names the query.
        :raises MissingExtra: the package of the shape is not installed.
        """
        return running.ran(
            self, Statement(operation, parameters, options=options), lambda cursor: results.whole(cursor, result)
        )

    aquery: ClassVar = async_twin(query)

    def fetch_one(
        self, /, operation: str, parameters: Parameters = None, cursor_type: type[Any] | None = None, **options: Any
    ) -> Any:
        """The first row, or None; inside of ``with connector:``, the next one of the same query."""
        return running.fetched(
            self, Statement(operation, parameters, cursor_type, options), lambda cursor: cursor.fetchone()
        )

    afetch_one: ClassVar = async_twin(fetch_one)
    fetch_one_async: ClassVar = afetch_one

    def fetch_many(
        self,
        /,
        operation: str,
        parameters: Parameters = None,
        size: int | None = None,
        cursor_type: type[Any] | None = None,
        **options: Any,
    ) -> list[Any]:
        """The first ``size`` rows, or ``fetch_size``; inside of ``with connector:``, the next ones of the query."""
        rows: list[Any] = running.fetched(
            self,
            Statement(operation, parameters, cursor_type, options),
            lambda cursor: cursor.fetchmany(size or self.fetch_size),
        )
        return rows

    afetch_many: ClassVar = async_twin(fetch_many)
    fetch_many_async: ClassVar = afetch_many

    def fetch_all(
        self, /, operation: str, parameters: Parameters = None, cursor_type: type[Any] | None = None, **options: Any
    ) -> list[Any]:
        """Every row; inside of ``with connector:``, those of the same query that were not fetched yet."""
        rows: list[Any] = running.fetched(
            self, Statement(operation, parameters, cursor_type, options), lambda cursor: cursor.fetchall()
        )
        return rows

    afetch_all: ClassVar = async_twin(fetch_all)
    fetch_all_async: ClassVar = afetch_all

    def iter_batches(self, operation: str, parameters: Parameters = None, *, size: int = 1000) -> Iterator[RowBatch]:
        """The rows of a query, ``size`` at a time, in bounded memory; at least one batch, which may be empty.

        The connection is given back after the last one, or when who iterates stops early.
        """
        with running.streaming(self, Statement(operation, parameters)) as cursor:
            yield from batches(cursor, size)

    aiter_batches: ClassVar = stream_twin(iter_batches)

    def iter_rows(self, operation: str, parameters: Parameters = None, *, size: int = 1000) -> Iterator[dict[str, Any]]:
        """The rows of a query as dicts, in bounded memory.

        :raises InvalidName: two columns have one name.
        """
        for batch in self.iter_batches(operation, parameters, size=size):
            yield from batch.dicts()

    def fetch_batches(
        self, operation: str, parameters: Parameters = None, result: ResultKind = "arrow", size: int = 10_000
    ) -> Iterator[Any]:
        """Everything that a query finds, piece by piece, in bounded memory: a ``pyarrow.Table`` or a data frame of what
        Snowflake sent in one piece, or a list of ``size`` ``rows`` or ``dicts``.

        The connection is given back after the last piece, or when who iterates stops early.
        """
        with running.streaming(self, Statement(operation, parameters)) as cursor:
            yield from results.pieces(cursor, result, size)

    afetch_batches: ClassVar = stream_twin(fetch_batches)

    @contextmanager
    def transaction(self) -> Iterator[SnowflakeTransaction]:
        """One transaction: what is called on it, or on the block inside of the ``with``, is committed at the end, or
        rolled back if anything raises.

        Statements like CREATE TABLE commit what was before them, as Snowflake has it.

        :raises SessionLost: the session ended on the way; nothing of it is in the database.
        """
        with running.transaction(self) as session:
            yield SnowflakeTransaction(self, session)

    def reset_cursors(self) -> None:
        """Have fetches inside of ``with connector:`` begin again."""
        session = sessions.current(self)
        if session is not None:
            session.forget_cursors()

    def close(self) -> None:
        """Close the connections that this process keeps by this block's values; new ones are opened when needed."""
        running.closed(self)

    def __enter__(self) -> SnowflakeConnector:
        running.begin(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, frames: TracebackType | None
    ) -> None:
        running.end(self, succeeded=kind is None)

    def _login(self, **more: Any) -> connections.Login:
        found = {
            "database": self.database,
            "warehouse": self.warehouse,
            "schema": self.schema_,
            "role": self.role,
            "paramstyle": self.paramstyle,
            "session_parameters": dict(self.session_parameters) or None,
        }
        return self.credentials.login(**{**{k: v for k, v in found.items() if v is not None}, **more})
