"""Ready-made tasks over any database: PostgreSQL, DuckDB, Snowflake, whatever has the methods of ``Database``.

Each logs what it did, never a value, and has an asynchronous twin: ``query`` and ``aquery``::

    crm, warehouse = Block.load("crm"), Block.load("warehouse")
    query(warehouse, "select name from customers where country = :country", {"country": "CH"})
    copy_rows(crm, warehouse, "select id, name from customers", "customers", replace=True)
    load_file(warehouse, "orders", "orders.csv.gz")

Values are bound as ``:name`` in every database. What loads a table does so in one transaction and in bounded memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from strongroom_blocks.databases import loading
from strongroom_blocks.databases.capability import Database, Parameters, RowBatch

from strongroom.artifacts.progress import outlet
from strongroom.logging import get_run_logger
from strongroom.task_twins import task_twin
from strongroom.tasks import task
from strongroom.transfer_progress import moving


@task
def query(database: Database, sql: str, parameters: Parameters = None) -> list[dict[str, Any]]:
    """Every row of a query, as dicts by column name."""
    rows = list(database.iter_rows(sql, parameters))
    get_run_logger().info("A query gave %s rows", len(rows))
    return rows


@task
def execute(database: Database, sql: str, parameters: Parameters = None) -> None:
    """Run a statement and commit."""
    database.execute(sql, parameters)
    get_run_logger().info("Ran a statement")


@task
def execute_many(database: Database, sql: str, seq_of_parameters: Sequence[Any]) -> None:
    """Run a statement once for each row of parameters, all of them or none."""
    database.execute_many(sql, seq_of_parameters)
    get_run_logger().info("Ran a statement for %s rows of parameters", len(seq_of_parameters))


@task
def insert_rows(database: Database, table: str, rows: Sequence[Mapping[str, Any]], *, replace: bool = False) -> int:
    """Append rows to a table, each a mapping by column name; how many they were.

    The first row says which columns there are.

    :param replace: delete what is in the table first, in the same transaction.
    """
    return _load(database, table, loading.of_mappings(rows), len(rows), replace=replace)


@task
def copy_rows(
    source: Database,
    target: Database,
    sql: str,
    table: str,
    parameters: Parameters = None,
    *,
    columns: Sequence[str] | None = None,
    replace: bool = False,
    batch_size: int = 10_000,
    total: int | None = None,
) -> int:
    """Copy the rows of a query into a table of another database; how many they were.

    :param columns: of the table, in the order of the query's own; by default those have the same names.
    :param replace: delete what is in the table first, in the same transaction.
    :param batch_size: how many rows are in memory.
    :param total: how many rows there are, where that is known: for the progress that is shown.
    """
    number = loading.copied(
        source,
        target,
        sql,
        table,
        parameters,
        size=batch_size,
        columns=columns,
        replace=replace,
        moved=moving(f"Copying to {table}", total or 0, "rows"),
    )
    get_run_logger().info("Copied %s rows to %s", number, table)
    return number


@task
def load_file(
    database: Database,
    table: str,
    path: str | Path,
    *,
    columns: Sequence[str] | None = None,
    replace: bool = False,
) -> int:
    """Append the rows of a CSV, JSON or Parquet file to a table; how many they were. Needs the extra ``duckdb``.

    :param path: ``.csv``, ``.tsv``, ``.json``, ``.jsonl`` or ``.parquet``, which may be compressed (``.gz``, ``.zst``).
    :param columns: of the table, in the order of the file's own; by default those have the same names.
    :param replace: delete what is in the table first, in the same transaction.
    """
    batches, count = loading.of_file(path)
    total = count() if outlet() is not None else 0
    return _load(database, table, batches, total, columns=columns, replace=replace)


@task
def load_dataframe(
    database: Database, table: str, frame: Any, *, columns: Sequence[str] | None = None, replace: bool = False
) -> int:
    """Append the rows of a DataFrame of pandas or polars, or of a table of Arrow, to a table; how many they were.

    Needs the extra ``duckdb``, which makes Python's own values of them.

    :param columns: of the table, in the order of the frame's own; by default those have the same names.
    :param replace: delete what is in the table first, in the same transaction.
    """
    return _load(database, table, loading.of_frame(frame), len(frame), columns=columns, replace=replace)


def _load(database: Database, table: str, batches: Iterable[RowBatch], total: int, **options: Any) -> int:
    moved = moving(f"Loading {table}", total, "rows")
    number = loading.load(database, table, batches, moved=moved, **options)
    get_run_logger().info("Loaded %s rows into %s", number, table)
    return number


aquery = task_twin(query)
aexecute = task_twin(execute)
aexecute_many = task_twin(execute_many)
ainsert_rows = task_twin(insert_rows)
acopy_rows = task_twin(copy_rows)
aload_file = task_twin(load_file)
aload_dataframe = task_twin(load_dataframe)
