"""The rows that failed tests found, fetched while dbt's connection to the warehouse can still be had."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

_LONGEST_VALUE = 200


def add_failing_rows(nodes: list[dict[str, Any]], results: Sequence[Any], limit: int) -> None:
    """Put the first rows that each failed test found into its node; none where they cannot be had any more."""
    failed = [
        (node, result.node.compiled_code)
        for node, result in zip(nodes, results, strict=True)
        if str(result.status) in ("fail", "warn") and getattr(result.node, "compiled_code", None)
    ]
    if not failed:
        return
    from dbt.adapters.factory import FACTORY

    adapter: Any = next((found for found in FACTORY.adapters.values() if hasattr(found, "execute")), None)
    for node, sql in failed if adapter is not None else ():
        with suppress(Exception):  # the failure of the test is what counts; dbt's message tells of it in any case
            node["failing_rows"] = _rows(adapter, sql, limit)
    if adapter is not None:
        adapter.cleanup_connections()


def _rows(adapter: Any, sql: str, limit: int) -> list[dict[str, Any]]:
    with adapter.connection_named("strongroom_failing_rows"):
        _, table = adapter.execute(sql, fetch=True, limit=limit)
    return plain_rows(table)


def plain_rows(table: Any) -> list[dict[str, Any]]:
    """The rows of a table as dbt has it, as JSON holds them."""
    names = list(table.column_names)
    return [dict(zip(names, map(_plain, row.values()), strict=True)) for row in table.rows]


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, bool | int):
        return value
    if hasattr(value, "as_integer_ratio"):  # agate reads every number as a Decimal
        return int(value) if value == int(value) else float(value)
    text = str(value)
    return text if len(text) <= _LONGEST_VALUE else text[:_LONGEST_VALUE] + "…"
