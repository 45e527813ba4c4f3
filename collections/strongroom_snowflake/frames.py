"""Data frames on their way into a table: as Arrow tables, and as the columns of a new table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from strongroom.sql import column_name

from strongroom_snowflake.errors import StatementInvalid
from strongroom_snowflake.results import library


def tables(data: Any) -> Iterator[Any]:
    """What was given, as ``pyarrow.Table`` s: a data frame of pandas or polars, rows as dicts, anything of Arrow's, or
    an iterable of these.

    :raises StatementInvalid: it is none of them.
    :raises MissingExtra: pyarrow is not installed.
    """
    arrow = library("pyarrow")
    if isinstance(data, arrow.Table):
        yield data
    elif isinstance(data, arrow.RecordBatch):
        yield arrow.Table.from_batches([data])
    elif type(data).__module__.partition(".")[0] == "pandas":
        yield arrow.Table.from_pandas(data, preserve_index=False)
    elif hasattr(data, "to_arrow"):  # polars
        yield data.to_arrow()
    elif isinstance(data, list) and data and isinstance(data[0], dict):
        yield arrow.Table.from_pylist(data)
    elif isinstance(data, Iterable) and not isinstance(data, str | bytes | dict):
        for piece in data:
            yield from tables(piece)
    else:
        raise StatementInvalid(
            f"{type(data).__name__} is no data that a table could be loaded from.",
            "Give a data frame of pandas or polars, a table of pyarrow, a list of dicts, or an iterable of these.",
        )


def row_count(data: Any) -> int:
    """How many rows there are to come; 0 where that is not known before."""
    if hasattr(data, "num_rows"):
        return int(data.num_rows)
    if hasattr(data, "shape"):
        return int(data.shape[0])
    return len(data) if isinstance(data, list) and data and isinstance(data[0], dict) else 0


def columns_of(schema: Any) -> list[str]:
    """The columns of a table that takes in data of this schema of Arrow's."""
    return [f"{column_name(field.name)} {_type(field.type)}" for field in schema]


def _type(kind: Any) -> str:
    of = library("pyarrow").types
    if of.is_dictionary(kind):
        return _type(kind.value_type)
    if of.is_decimal(kind):
        return f"NUMBER({min(kind.precision, 38)}, {kind.scale})"
    if of.is_timestamp(kind):
        return "TIMESTAMP_TZ" if kind.tz else "TIMESTAMP_NTZ"
    for is_one, name in (
        (of.is_boolean, "BOOLEAN"),
        (of.is_integer, "NUMBER(38, 0)"),
        (of.is_floating, "FLOAT"),
        (of.is_date, "DATE"),
        (of.is_time, "TIME"),
        (of.is_nested, "VARIANT"),
    ):
        if is_one(kind):
            return name
    is_binary = of.is_binary(kind) or of.is_large_binary(kind) or of.is_fixed_size_binary(kind)
    return "BINARY" if is_binary else "VARCHAR"
