"""What a query found, in the shape that is asked for: rows, dicts, Arrow, pandas or polars."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any, Literal

from strongroom import MissingExtra

ResultKind = Literal["rows", "dicts", "arrow", "pandas", "polars"]


def whole(cursor: Any, kind: ResultKind) -> Any:
    """Everything that a cursor has: a list of rows or dicts, a ``pyarrow.Table``, or a data frame.

    :raises MissingExtra: the package of the shape is not installed.
    """
    if kind == "rows":
        return cursor.fetchall()
    if kind == "dicts":
        return _dicts(cursor, cursor.fetchall())
    return framed(_table(cursor), kind)


def pieces(cursor: Any, kind: ResultKind, size: int) -> Iterator[Any]:
    """The same piece by piece: as many rows as ``size``, or what Snowflake sent in one piece; only a few pieces are in
    memory at a time."""
    if kind in ("rows", "dicts"):
        while rows := cursor.fetchmany(size):
            yield rows if kind == "rows" else _dicts(cursor, rows)
        return
    library("pyarrow")
    tables = _arrow_or_none(cursor, "fetch_arrow_batches")
    for table in [_from_rows(cursor)] if tables is None else tables:
        yield framed(table, kind)


def framed(table: Any, kind: ResultKind) -> Any:
    """A ``pyarrow.Table`` as what was asked for.

    :raises MissingExtra: the package of the shape is not installed.
    """
    if kind == "pandas":
        library("pandas")
        return table.to_pandas()
    if kind == "polars":
        return library("polars").from_arrow(table)
    return table


def library(name: str) -> Any:
    """A package that is only needed for a shape of results.

    :raises MissingExtra: it is not installed.
    """
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
    raise MissingExtra(f'The package "{name}" is not installed.', f"Run: pip install {name}")


def _dicts(cursor: Any, rows: list[Any]) -> list[dict[str, Any]]:
    names = [column[0] for column in cursor.description]
    return [row if isinstance(row, dict) else dict(zip(names, row, strict=True)) for row in rows]


def _table(cursor: Any) -> Any:
    library("pyarrow")
    found = _arrow_or_none(cursor, "fetch_arrow_all", force_return_table=True)
    return _from_rows(cursor) if found is None else found


def _arrow_or_none(cursor: Any, method: str, **options: Any) -> Any:
    """``None`` for what Snowflake sends as JSON: the results of SHOW, of statements that change data, and the like."""
    try:
        return getattr(cursor, method)(**options)
    except Exception as error:
        if type(error).__name__ != "NotSupportedError":
            raise
        return None


def _from_rows(cursor: Any) -> Any:
    rows = cursor.fetchall()
    names = [column[0] for column in cursor.description]
    columns = list(zip(*rows, strict=True)) or [()] * len(names)
    return library("pyarrow").table({name: list(values) for name, values in zip(names, columns, strict=True)})
