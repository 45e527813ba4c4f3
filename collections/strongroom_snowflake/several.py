"""Several statements on one session."""

from __future__ import annotations

from io import StringIO
from typing import TYPE_CHECKING, Any

from strongroom.sql import Parameters

from strongroom_snowflake import running
from strongroom_snowflake.results import whole
from strongroom_snowflake.statement import Statement, bare
from strongroom_snowflake.submitted import run_to_its_end

if TYPE_CHECKING:
    from strongroom_snowflake.connector import SnowflakeConnector


def ran_together(
    block: SnowflakeConnector, sql: str, parameters: Parameters, number: int | None, options: dict[str, Any]
) -> list[list[Any]]:
    """The rows of each statement of a text."""
    if number is None and not parameters:
        statements = [Statement(text, options=options) for text in split(sql)]
        return in_order(block, statements, lambda statement: running.ran(block, statement, _rows))
    whole_text = Statement(sql, parameters, options={"num_statements": number or 0, **options})
    found: list[list[Any]] = running.ran(block, whole_text, _rows_of_each)
    return found


def ran_one_by_one(
    block: SnowflakeConnector,
    statements: list[Statement],
    *,
    poll: float,
    as_transaction: bool,
    with_control: bool,
) -> list[list[Any]]:
    """The rows of each statement, each a query that is looked at until it is over; all or none, if so wished."""

    def ask(statement: Statement) -> list[Any]:
        rows: list[Any] = run_to_its_end(block, statement, poll=poll)
        return rows

    if not as_transaction:
        return in_order(block, statements, ask)
    running.begin(block, goes_on=False)
    succeeded = False
    try:
        begun = running.ran(block, Statement("begin transaction"), _rows)
        found = [ask(statement) for statement in statements]
        done = running.ran(block, Statement("commit"), _rows)
        succeeded = True
    finally:
        if not succeeded:
            running.roll_back(block)
        running.end(block, succeeded=succeeded)
    return [begun, *found, done] if with_control else found


def in_order(block: SnowflakeConnector, statements: list[Statement], ask: Any) -> list[list[Any]]:
    """What ``ask`` gives for each, on one session."""
    running.begin(block, goes_on=False)
    succeeded = False
    try:
        found = [ask(statement) for statement in statements]
        succeeded = True
        return found
    finally:
        running.end(block, succeeded=succeeded)


def split(sql: str) -> list[str]:
    """The statements of a text."""
    from strongroom import require_extra

    require_extra("snowflake.connector", extra="snowflake")
    from snowflake.connector.util_text import split_statements

    return [text for text, _ in split_statements(StringIO(sql)) if bare(text).strip("; ")]


def _rows(cursor: Any) -> list[Any]:
    return whole(cursor, "rows")  # type: ignore[no-any-return]


def _rows_of_each(cursor: Any) -> list[list[Any]]:
    found = [_rows(cursor)]
    while cursor.nextset():
        found.append(_rows(cursor))
    return found
