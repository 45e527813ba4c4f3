"""Rows into a table, whatever they come from, in bounded memory and all of them or none."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from strongroom_blocks.databases.capability import BulkInsert, Database, DatabaseVerbs, Parameters, RowBatch
from strongroom_blocks.databases.identifiers import column_name, table_name
from strongroom_blocks.databases.placeholders import insertion, peeked
from strongroom_blocks.databases.session import Counted
from strongroom_blocks.errors import InvalidName

Moved = Callable[[int], None] | None
"""Called with how many rows more were handed over."""

_READERS = {
    ".csv": "read_csv(?)",
    ".tsv": "read_csv(?)",
    ".json": "read_json(?)",
    ".jsonl": "read_json(?, format = 'newline_delimited')",
    ".ndjson": "read_json(?, format = 'newline_delimited')",
    ".parquet": "read_parquet(?)",
}


def load(
    target: Database,
    table: str,
    batches: Iterable[RowBatch],
    *,
    columns: Sequence[str] | None = None,
    replace: bool = False,
    moved: Moved = None,
) -> int:
    """Append rows to a table in one transaction; how many they were.

    The fastest way that the database has is taken: ``COPY`` in PostgreSQL, columns in DuckDB.

    :param columns: of the table, in the order of the rows' own; by default those have the same names.
    :param replace: delete what is in the table first, in the same transaction.
    :raises InvalidName: the table or a column has no name that a statement may hold.
    """
    table = table_name(table)
    first, rest = peeked(batches)
    names = list(columns or (first.columns if first is not None else ()))
    if first is not None and len(names) != len(first.columns):
        raise InvalidName(
            f"{len(names)} columns are named for rows of {len(first.columns)}.", "Name one for each, in their order."
        )
    with target.transaction() as work:
        if replace:
            work.execute(f"delete from {table}")  # noqa: S608
        return append(work, table, names, _rows(rest, moved)) if names else 0


def append(work: DatabaseVerbs, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> int:
    """Append rows to a table within a transaction, by the fastest way that it has; how many they were."""
    if isinstance(work, BulkInsert):
        return work.insert_rows(table, columns, rows)
    sql, names = insertion(table, [column_name(column) for column in columns])
    counted = Counted(rows)
    work.execute_many(sql, (dict(zip(names, row, strict=True)) for row in counted))
    return counted.number


def _rows(batches: Iterable[RowBatch], moved: Moved) -> Iterator[tuple[Any, ...]]:
    for batch in batches:
        yield from batch
        if moved is not None:
            moved(len(batch))


def of_mappings(rows: Iterable[Mapping[str, Any]], size: int = 1000) -> Iterator[RowBatch]:
    """Rows by column name as batches. The first row says which columns there are; one that a row lacks is null.

    :raises InvalidName: a row has a column that the first has not.
    """
    first, rest = peeked(rows)
    if first is None:
        return
    columns = tuple(first)
    known = frozenset(columns)
    chunk: list[tuple[Any, ...]] = []
    for row in rest:
        if not known.issuperset(row):
            name = next(name for name in row if name not in known)
            raise InvalidName(f"A row has a column {name!r:.80} that the first has not.", "Give all the same columns.")
        chunk.append(tuple(row.get(column) for column in columns))
        if len(chunk) == size:
            yield RowBatch(columns, chunk)
            chunk = []
    if chunk:
        yield RowBatch(columns, chunk)


def of_file(path: str | Path, size: int = 10_000) -> tuple[Iterator[RowBatch], Callable[[], int]]:
    """The rows of a CSV, JSON or Parquet file, with the types that DuckDB finds in it; and what counts them.

    :raises FileNotFoundError: there is no such file.
    :raises InvalidName: its name ends in nothing that is known.
    :raises MissingExtra: DuckDB is not installed.
    """
    from strongroom_blocks.types.duckdb import DuckDB

    place = Path(path).expanduser()
    suffixes = [suffix.lower() for suffix in place.suffixes if suffix.lower() not in {".gz", ".zst"}]
    reader = _READERS.get(suffixes[-1] if suffixes else "")
    if reader is None:
        raise InvalidName(f"{place} is no kind of file that is known.", f"Known are: {', '.join(_READERS)}, also .gz.")
    place.stat()
    duckdb, name = DuckDB(), [str(place)]
    return (
        duckdb.iter_batches(f"from {reader}", name, size=size),
        lambda: int((duckdb.fetch_one(f"select count(*) from {reader}", name) or (0,))[0]),  # noqa: S608
    )


def of_frame(frame: Any, size: int = 10_000) -> Iterator[RowBatch]:
    """The rows of a DataFrame of pandas or polars, or of a table of Arrow, as Python's own values; missing is None.

    :raises MissingExtra: DuckDB is not installed.
    """
    from strongroom_blocks.types.duckdb import DuckDB
    from strongroom_blocks.types.duckdb_session import DuckDBSession

    with DuckDB().connection() as connection:
        connection.register("frame", frame)
        yield from DuckDBSession(connection).iter_batches("from frame", size=size)


def copied(
    source: Database, target: Database, sql: str, table: str, parameters: Parameters = None, *, size: int = 10_000,
    columns: Sequence[str] | None = None, replace: bool = False, moved: Moved = None,
) -> int:  # fmt: skip
    """Copy the rows of a query into a table of another database, ``size`` rows in memory; how many they were."""
    batches = source.iter_batches(sql, parameters, size=size)
    try:
        return load(target, table, batches, columns=columns, replace=replace, moved=moved)
    finally:
        getattr(batches, "close", lambda: None)()
