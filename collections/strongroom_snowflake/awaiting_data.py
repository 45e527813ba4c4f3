"""Waiting until a query finds something."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from strongroom.sql import Parameters

from strongroom_snowflake import running
from strongroom_snowflake.errors import NotReady, ObjectNotFound
from strongroom_snowflake.statement import Statement
from strongroom_snowflake.waiting import pause

if TYPE_CHECKING:
    from strongroom_snowflake.connector import SnowflakeConnector


def wait_for_data(
    block: SnowflakeConnector, sql: str, parameters: Parameters, *, timeout_seconds: float, poll_seconds: float
) -> Any:
    """The first row of a query, as soon as there is one whose first value is neither NULL, zero nor false; a table that
    is not there yet is waited for, too."""
    due = time.monotonic() + timeout_seconds
    while True:
        try:
            row = running.ran(block, Statement(sql, parameters), lambda cursor: cursor.fetchone())
            missing = "it finds nothing"
        except ObjectNotFound as problem:
            row, missing = None, problem.problem
        if row is not None and row[0]:
            return row
        if time.monotonic() + poll_seconds > due:
            raise NotReady(
                f"The data was not there after {timeout_seconds:g} s: {missing.rstrip('.')}.",
                "Give it a longer timeout, or see what should have brought it.",
            )
        pause(poll_seconds)
