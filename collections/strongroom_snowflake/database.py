"""Tasks over Snowflake: as ``prefect_snowflake.database`` names them, and our own, each with a twin with an ``a``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from strongroom import get_run_logger, task, task_twin
from strongroom.sql import Parameters

from strongroom_snowflake import running, several, submitted
from strongroom_snowflake.connector import SnowflakeConnector as SnowflakeConnector
from strongroom_snowflake.loading import IfExists, Loaded
from strongroom_snowflake.results import ResultKind, whole
from strongroom_snowflake.staging import FileFormat
from strongroom_snowflake.statement import Statement
from strongroom_snowflake.unloading import Unloaded


@task
def snowflake_query(
    query: str,
    snowflake_connector: SnowflakeConnector,
    params: Parameters = None,
    cursor_type: type[Any] | None = None,
    poll_frequency_seconds: float = 1,
) -> list[Any]:
    """Every row that a query finds, which runs by itself while it is looked at.

    :param cursor_type: a cursor class of ``snowflake.connector``, such as ``DictCursor``.
    :param poll_frequency_seconds: how long is waited at most between two looks.
    """
    rows: list[Any] = submitted.run_to_its_end(
        snowflake_connector, Statement(query, params, cursor_type), poll=poll_frequency_seconds
    )
    return rows


snowflake_query_async = task_twin(snowflake_query)


@task
def snowflake_multiquery(
    queries: list[str],
    snowflake_connector: SnowflakeConnector,
    params: Parameters = None,
    cursor_type: type[Any] | None = None,
    as_transaction: bool = False,
    return_transaction_control_results: bool = False,
    poll_frequency_seconds: float = 1,
) -> list[list[Any]]:
    """Every row of each of several queries, on one session.

    :param params: those of every query.
    :param as_transaction: whether all of them count, or none.
    :param return_transaction_control_results: whether the results of ``BEGIN`` and ``COMMIT`` are given, too.
    :param poll_frequency_seconds: how long is waited at most between two looks at a query.
    """
    return several.ran_one_by_one(
        snowflake_connector,
        [Statement(query, params, cursor_type) for query in queries],
        poll=poll_frequency_seconds,
        as_transaction=as_transaction,
        with_control=return_transaction_control_results,
    )


snowflake_multiquery_async = task_twin(snowflake_multiquery)


@task
def snowflake_query_sync(
    query: str,
    snowflake_connector: SnowflakeConnector,
    params: Parameters = None,
    cursor_type: type[Any] | None = None,
) -> list[Any]:
    """Every row of a statement that the connector runs in one go: what PUT and GET need."""
    rows: list[Any] = running.ran(
        snowflake_connector, Statement(query, params, cursor_type), lambda cursor: whole(cursor, "rows")
    )
    return rows


@task
def query(warehouse: SnowflakeConnector, sql: str, parameters: Parameters = None, result: ResultKind = "rows") -> Any:
    """Everything that a query finds, as ``rows`` or ``dicts``, ``arrow``, ``pandas`` or ``polars``."""
    return warehouse.query(sql, parameters, result)


aquery = task_twin(query)


@task
def execute(warehouse: SnowflakeConnector, sql: str, parameters: Parameters = None) -> None:
    """Run a statement and commit."""
    warehouse.execute(sql, parameters)


aexecute = task_twin(execute)


@task
def execute_many(warehouse: SnowflakeConnector, sql: str, seq_of_parameters: Iterable[Any]) -> None:
    """Run a statement once for each row of parameters, all of them or none."""
    warehouse.execute_many(sql, seq_of_parameters)


aexecute_many = task_twin(execute_many)


@task
def load_dataframe(
    warehouse: SnowflakeConnector, data: Any, table: str, if_exists: IfExists = "append", create: bool = True
) -> Loaded:
    """Data into a table, all of it or nothing: see :meth:`SnowflakeConnector.load_dataframe`."""
    loaded = warehouse.load_dataframe(data, table, if_exists=if_exists, create=create)
    get_run_logger().info("Loaded %d rows into %s", loaded.rows, table)
    return loaded


aload_dataframe = task_twin(load_dataframe)


@task
def load_files(
    warehouse: SnowflakeConnector,
    source: Any,
    table: str,
    file_format: FileFormat = "csv",
    pattern: str = "*",
    storage_integration: str | None = None,
    options: dict[str, Any] | None = None,
) -> Loaded:
    """Files into a table: see :meth:`SnowflakeConnector.load_files`. ``options`` are those of COPY INTO."""
    loaded = warehouse.load_files(
        source,
        table,
        file_format=file_format,
        pattern=pattern,
        storage_integration=storage_integration,
        **(options or {}),
    )
    get_run_logger().info("Loaded %d rows of %d files into %s", loaded.rows, loaded.files, table)
    return loaded


aload_files = task_twin(load_files)


@task
def unload(
    warehouse: SnowflakeConnector,
    source: str,
    target: Any,
    parameters: Parameters = None,
    file_format: FileFormat = "parquet",
    header: bool = True,
    prefix: str = "data",
    storage_integration: str | None = None,
    options: dict[str, Any] | None = None,
) -> Unloaded:
    """A table, or what a query finds, as files: see :meth:`SnowflakeConnector.unload`."""
    unloaded = warehouse.unload(
        source,
        target,
        parameters,
        file_format=file_format,
        header=header,
        prefix=prefix,
        storage_integration=storage_integration,
        **(options or {}),
    )
    get_run_logger().info("Unloaded %d rows", unloaded.rows)
    return unloaded


aunload = task_twin(unload)


@task
def wait_for_data(
    warehouse: SnowflakeConnector,
    sql: str,
    parameters: Parameters = None,
    timeout_seconds: float = 3600.0,
    poll_seconds: float | None = None,
) -> tuple[Any, ...]:
    """The first row of a query, as soon as it has one: see :meth:`SnowflakeConnector.wait_for_data`."""
    return warehouse.wait_for_data(sql, parameters, timeout_seconds=timeout_seconds, poll_seconds=poll_seconds)


await_for_data = task_twin(wait_for_data)
