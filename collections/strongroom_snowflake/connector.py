"""SnowflakeConnector: a database in Snowflake."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import ConfigDict, Field
from strongroom import Block, async_twin
from strongroom.sql import Parameters, RowBatch, batches, context_twin, stream_twin

from strongroom_snowflake import (
    awaiting_data,
    connections,
    loading,
    results,
    running,
    sessions,
    several,
    submitted,
    unloading,
)
from strongroom_snowflake.checks import checking, see_places
from strongroom_snowflake.credentials import EXAMPLE, SnowflakeCredentials
from strongroom_snowflake.loading import IfExists, Loaded
from strongroom_snowflake.results import ResultKind
from strongroom_snowflake.staging import FileFormat
from strongroom_snowflake.statement import Statement
from strongroom_snowflake.submitted import QueryHandle, QueryStatus
from strongroom_snowflake.transaction import SnowflakeTransaction
from strongroom_snowflake.unloading import Unloaded

if TYPE_CHECKING:
    from types import TracebackType

    from snowflake.connector import SnowflakeConnection

_EXAMPLE: Any = {"credentials": EXAMPLE, "warehouse": "loading", "database": "shop", "schema": "public"}


class SnowflakeConnector(Block, slug="snowflake-connector", title="Snowflake Connector"):
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
        patience = connections.patience(timeout)
        with (
            checking(f"account {self.credentials.account}"),
            connections.one(self, lambda: self._login(**patience)) as connection,
        ):
            return see_places(connection, self.database, self.schema_, self.warehouse)

    acheck: ClassVar = async_twin(check)

    def execute(
        self, /, sql: str = "", parameters: Parameters = None, cursor_type: type[Any] | None = None, **options: Any
    ) -> None:
        """Run a statement, and commit where statements are not committed by themselves.

        :param options: what ``cursor.execute`` takes besides, such as ``timeout=`` in seconds.
        :raises QueryFailed: Snowflake says no; the error names the query.
        """
        running.ran(self, Statement.asked(sql, parameters, cursor_type, options), lambda cursor: None)

    aexecute: ClassVar = async_twin(execute)
    execute_async: ClassVar = aexecute

    def execute_many(self, sql: str = "", seq_of_parameters: Iterable[Any] = (), *, operation: str = "") -> None:
        """Run a statement once for each row of parameters, all of them or none, a few thousand at a time."""
        running.many(self, sql or operation, seq_of_parameters)

    aexecute_many: ClassVar = async_twin(execute_many)
    execute_many_async: ClassVar = aexecute_many

    def query(self, /, sql: str, parameters: Parameters = None, result: ResultKind = "rows", **options: Any) -> Any:
        """Everything that a query finds, as a list of tuples (``rows``) or ``dicts``, a ``pyarrow.Table`` (``arrow``),
        or a data frame of ``pandas`` or ``polars``.

        :raises QueryFailed: Snowflake says no; the error names the query.
        :raises MissingExtra: the package of the shape is not installed.
        """
        statement = Statement.asked(sql, parameters, None, options)
        return running.ran(self, statement, lambda cursor: results.whole(cursor, result))

    aquery: ClassVar = async_twin(query)

    def fetch_one(
        self, /, sql: str = "", parameters: Parameters = None, cursor_type: type[Any] | None = None, **options: Any
    ) -> Any:
        """The first row, or None; inside of ``with connector:``, the next one of the same query."""
        statement = Statement.asked(sql, parameters, cursor_type, options)
        return running.fetched(self, statement, lambda cursor: cursor.fetchone())

    afetch_one: ClassVar = async_twin(fetch_one)
    fetch_one_async: ClassVar = afetch_one

    def fetch_many(
        self,
        /,
        sql: str = "",
        parameters: Parameters = None,
        size: int | None = None,
        cursor_type: type[Any] | None = None,
        **options: Any,
    ) -> list[Any]:
        """The first ``size`` rows, or ``fetch_size``; inside of ``with connector:``, the next ones of the query."""
        statement = Statement.asked(sql, parameters, cursor_type, options)
        return running.fetched(  # type: ignore[no-any-return]
            self, statement, lambda cursor: cursor.fetchmany(size or self.fetch_size)
        )

    afetch_many: ClassVar = async_twin(fetch_many)
    fetch_many_async: ClassVar = afetch_many

    def fetch_all(
        self, /, sql: str = "", parameters: Parameters = None, cursor_type: type[Any] | None = None, **options: Any
    ) -> list[Any]:
        """Every row; inside of ``with connector:``, those of the same query that were not fetched yet."""
        statement = Statement.asked(sql, parameters, cursor_type, options)
        return running.fetched(  # type: ignore[no-any-return]
            self, statement, lambda cursor: cursor.fetchall()
        )

    afetch_all: ClassVar = async_twin(fetch_all)
    fetch_all_async: ClassVar = afetch_all

    def iter_batches(self, sql: str, parameters: Parameters = None, *, size: int = 1000) -> Iterator[RowBatch]:
        """The rows of a query, ``size`` at a time, in bounded memory; at least one batch, which may be empty.

        The connection is given back after the last one, or when who iterates stops early.
        """
        with running.streaming(self, Statement(sql, parameters)) as cursor:
            yield from batches(cursor, size)

    aiter_batches: ClassVar = stream_twin(iter_batches)

    def iter_rows(self, sql: str, parameters: Parameters = None, *, size: int = 1000) -> Iterator[dict[str, Any]]:
        """The rows of a query as dicts, in bounded memory.

        :raises InvalidName: two columns have one name.
        """
        for batch in self.iter_batches(sql, parameters, size=size):
            yield from batch.dicts()

    aiter_rows: ClassVar = stream_twin(iter_rows)

    def fetch_batches(
        self, sql: str, parameters: Parameters = None, result: ResultKind = "arrow", size: int = 10_000
    ) -> Iterator[Any]:
        """Everything that a query finds, piece by piece, in bounded memory: a ``pyarrow.Table`` or a data frame of what
        Snowflake sent in one piece, or a list of ``size`` ``rows`` or ``dicts``.

        The connection is given back after the last piece, or when who iterates stops early.
        """
        with running.streaming(self, Statement(sql, parameters)) as cursor:
            yield from results.pieces(cursor, result, size)

    afetch_batches: ClassVar = stream_twin(fetch_batches)

    def execute_string(
        self, /, sql: str, parameters: Parameters = None, *, num_statements: int | None = None, **options: Any
    ) -> list[list[Any]]:
        """Several statements, on one session; the rows of each.

        They are told apart here and sent one by one; with ``num_statements``, the server takes them all at once, with
        the parameters of all, and refuses another number of them (0 takes any).

        :raises QueryFailed: one of them failed; those before it are done.
        """
        return several.ran_together(self, sql, parameters, num_statements, options)

    aexecute_string: ClassVar = async_twin(execute_string)

    def submit_query(self, /, sql: str, parameters: Parameters = None, **options: Any) -> QueryHandle:
        """Have Snowflake run a statement by itself; its handle, whose id finds it again from any process."""
        return submitted.submitted(self, Statement.asked(sql, parameters, None, options))

    asubmit_query: ClassVar = async_twin(submit_query)

    def query_status(self, query: QueryHandle | str) -> QueryStatus:
        """How far a query is, by its handle or id.

        :raises QueryNotFound: it is no id of a query.
        """
        return submitted.status(self, query)

    aquery_status: ClassVar = async_twin(query_status)

    def results_of(
        self, query: QueryHandle | str, result: ResultKind = "rows", timeout_seconds: float | None = None
    ) -> Any:
        """What a query found, once it is over, in the shapes of :meth:`query`. An interrupted wait leaves it running.

        :raises NotReady: it was not over in time; it goes on.
        :raises QueryFailed: it failed, or was cancelled.
        :raises QueryNotFound: Snowflake knows no such query, or keeps its result no longer.
        """
        return submitted.results_of(self, query, result, timeout=timeout_seconds)

    aresults_of: ClassVar = async_twin(results_of)

    def cancel_query(self, query: QueryHandle | str) -> bool:
        """Have Snowflake end a query; False where it was over already."""
        return submitted.cancelled(self, query)

    acancel_query: ClassVar = async_twin(cancel_query)

    def load_dataframe(
        self,
        data: Any,
        table: str,
        *,
        if_exists: IfExists = "append",
        create: bool = True,
        rows_per_file: int = 500_000,
    ) -> Loaded:
        """Data into a table, all of it or nothing, by columns of the same name, whatever their case.

        :param data: a data frame of pandas or polars, a table of pyarrow, a list of dicts; or an iterable of these, of
            which one is in memory at a time.
        :param if_exists: ``append``; ``replace`` the table by a new one; ``truncate`` it, which keeps its columns;
            ``fail``.
        :param create: whether a table that is not there is made.
        :raises LoadIncomplete: not all rows arrived.
        """
        return loading.load_dataframe(
            self, data, table, if_exists=if_exists, create=create, rows_per_file=rows_per_file
        )

    aload_dataframe: ClassVar = async_twin(load_dataframe)

    def load_files(
        self,
        /,
        source: Any,
        table: str,
        *,
        file_format: FileFormat = "csv",
        pattern: str = "*",
        storage_integration: str | None = None,
        **options: Any,
    ) -> Loaded:
        """Files into a table. Those of this machine are uploaded first; a bucket at AWS or Google is read by Snowflake.

        :param source: a file, a folder, a pattern, several of these; or a block that is an object store.
        :param file_format: ``csv``, ``parquet``, …; the name of one in the database; or options as a mapping.
        :param storage_integration: by which Snowflake gets at the bucket; without one, the block's own keys are used.
        :param options: of COPY INTO, such as ``match_by_column_name="CASE_INSENSITIVE"``, ``on_error="CONTINUE"``.
        :raises LoadIncomplete: there was nothing to load.
        """
        return loading.load_files(
            self,
            source,
            table,
            format=file_format,
            pattern=pattern,
            storage_integration=storage_integration,
            options=options,
        )

    aload_files: ClassVar = async_twin(load_files)

    def unload(
        self,
        /,
        source: str,
        target: Any,
        parameters: Parameters = None,
        *,
        file_format: FileFormat = "parquet",
        header: bool = True,
        prefix: str = "data",
        storage_integration: str | None = None,
        **options: Any,
    ) -> Unloaded:
        """A table, or what a query finds, as files; each appears under its name when it is whole.

        :param target: a folder of this machine, or a block that is an object store.
        :param options: of COPY INTO, such as ``single=True``, ``max_file_size=…``.
        """
        return unloading.unload(
            self,
            source,
            target,
            parameters,
            format=file_format,
            header=header,
            prefix=prefix,
            storage_integration=storage_integration,
            options=options,
        )

    aunload: ClassVar = async_twin(unload)

    def wait_for_data(
        self,
        sql: str,
        parameters: Parameters = None,
        *,
        timeout_seconds: float = 3600.0,
        poll_seconds: float | None = None,
    ) -> tuple[Any, ...]:
        """The first row of a query, as soon as it has one whose first value is neither NULL, zero nor false; a table
        that is not there yet is waited for, too.

        :raises NotReady: there was none in time.
        """
        return awaiting_data.wait_for_data(  # type: ignore[no-any-return]
            self,
            sql,
            parameters,
            timeout_seconds=timeout_seconds,
            poll_seconds=self.poll_frequency_s if poll_seconds is None else poll_seconds,
        )

    await_for_data: ClassVar = async_twin(wait_for_data)

    def dbt_target(self) -> dict[str, Any]:
        """One output of dbt's ``profiles.yml``; secrets stay wrapped in their kind.

        :raises CredentialsProblem: dbt has no words for this way to log in.
        """
        found = {
            "type": "snowflake",
            "account": self.credentials.account,
            "user": self.credentials.user,
            "role": self.role or self.credentials.role,
            "database": self.database,
            "warehouse": self.warehouse,
            "schema": self.schema_,
            "host": self.credentials.host,
            "port": self.credentials.port,
            "protocol": self.credentials.protocol if self.credentials.protocol != "https" else None,
            **self.credentials.auth.dbt_settings(),
        }
        return {name: value for name, value in found.items() if value is not None}

    @contextmanager
    def transaction(self) -> Iterator[SnowflakeTransaction]:
        """One transaction: what is called on it, or on the block inside of the ``with``, is committed at the end, or
        rolled back if anything raises.

        Statements like CREATE TABLE commit what was before them, as Snowflake has it.

        :raises SessionLost: the session ended on the way; nothing of it is in the database.
        """
        with running.transaction(self) as session:
            yield SnowflakeTransaction(self, session)

    atransaction: ClassVar = context_twin(transaction)

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
