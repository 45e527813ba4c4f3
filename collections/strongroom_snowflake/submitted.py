"""Queries that run by themselves: asked now, and found again by their id, from another process too."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from uuid import UUID

from strongroom_snowflake import results, running
from strongroom_snowflake.errors import NotReady, QueryNotFound, SessionLost
from strongroom_snowflake.results import ResultKind
from strongroom_snowflake.statement import Statement
from strongroom_snowflake.waiting import pause

if TYPE_CHECKING:
    from strongroom_snowflake.connector import SnowflakeConnector

_FIRST_LOOK_SECONDS = 0.02
_WITHOUT_ANSWER = {"FAILED_WITH_ERROR", "DISCONNECTED"}
"""What the connector says, too, where it is the session that is gone, and not the query."""
_LOOKS_AT_NOTHING = 10
"""How often a query may be asked for that Snowflake knows nothing of: one that was just asked can be such."""


@dataclass(frozen=True, slots=True)
class QueryHandle:
    """A query that Snowflake runs. The id is all that there is to keep."""

    id: str

    def __str__(self) -> str:
        return self.id


@dataclass(frozen=True, slots=True)
class QueryStatus:
    """How far a query is, in Snowflake's own word: RUNNING, QUEUED, SUCCESS, FAILED_WITH_ERROR, …"""

    id: str
    name: str
    is_running: bool
    is_success: bool


def submitted(block: SnowflakeConnector, statement: Statement) -> QueryHandle:
    """Have Snowflake run a statement by itself."""
    found = running.ran(block, replace(statement, is_asynchronous=True), lambda cursor: cursor.sfqid)
    return QueryHandle(str(found))


def status(block: SnowflakeConnector, query: QueryHandle | str) -> QueryStatus:
    """How far a query is.

    :raises QueryNotFound: it is no id of a query.
    """
    found: QueryStatus = running.asked(block, lambda connection: _seen(connection, str(query)))
    return found


def _seen(connection: Any, query_id: str) -> QueryStatus:
    found: Any = None
    try:
        UUID(query_id)
        found = connection.get_query_status(query_id)
    except ValueError:
        raise _not_found(query_id) from None
    except Exception:
        if connection.is_valid():
            raise
    if found is None or (found.name in _WITHOUT_ANSWER and not connection.is_valid()):
        raise SessionLost("The session in which a query was looked for is over.", "Look again.")
    return QueryStatus(query_id, found.name, bool(connection.is_still_running(found)), found.name == "SUCCESS")


def awaited(
    block: SnowflakeConnector, query: QueryHandle | str, *, timeout: float | None = None, poll: float | None = None
) -> QueryStatus:
    """Look at a query until it is over, ever less often.

    :raises NotReady: it was not over after ``timeout`` seconds; it goes on.
    :raises QueryNotFound: Snowflake knows no such query.
    """
    due = None if timeout is None else time.monotonic() + timeout
    longest = poll or block.poll_frequency_s
    wait, nothing = min(_FIRST_LOOK_SECONDS, longest), 0
    while (found := status(block, query)).is_running:
        nothing = nothing + 1 if found.name == "NO_DATA" else 0
        if nothing > _LOOKS_AT_NOTHING:
            raise _not_found(found.id)
        if due is not None and time.monotonic() + wait > due:
            raise NotReady(
                f"The query {found.id} still runs ({found.name}).", "Ask again later; its id stays the same."
            )
        pause(wait)
        wait = min(wait * 2, longest)
    return found


def results_of(
    block: SnowflakeConnector,
    query: QueryHandle | str,
    kind: ResultKind = "rows",
    *,
    timeout: float | None = None,
    poll: float | None = None,
    cursor_type: type[Any] | None = None,
) -> Any:
    """What a query found, once it is over.

    :raises NotReady: it was not over after ``timeout`` seconds; it goes on.
    :raises QueryFailed: it failed, or was cancelled.
    :raises QueryNotFound: Snowflake knows no such query, or keeps its result no longer.
    """
    ended = awaited(block, query, timeout=timeout, poll=poll)

    def take(connection: Any) -> Any:
        if not _seen(connection, ended.id).is_success:
            connection.get_query_status_throw_if_error(ended.id)
        cursor = connection.cursor(cursor_type) if cursor_type else connection.cursor()
        cursor.get_results_from_sfqid(ended.id)
        return results.whole(cursor, kind)

    return running.asked(block, take, query_id=ended.id)


def cancelled(block: SnowflakeConnector, query: QueryHandle | str) -> bool:
    """Have Snowflake end a query; False where it was over already."""
    return bool(running.asked(block, lambda connection: connection.cursor().abort_query(str(query))))


def run_to_its_end(block: SnowflakeConnector, statement: Statement, *, poll: float, kind: ResultKind = "rows") -> Any:
    """What a query finds that runs by itself while it is looked at; it is cancelled where the wait is interrupted."""
    known: list[str] = []
    try:
        running.ran(block, replace(statement, is_asynchronous=True), lambda cursor: known.append(str(cursor.sfqid)))
        return results_of(block, known[0], kind, poll=poll, cursor_type=statement.cursor_type)
    except Exception:
        raise
    except BaseException:
        for query_id in known:
            cancelled(block, query_id)
        raise


def _not_found(query_id: str) -> QueryNotFound:
    problem = QueryNotFound(
        f"Snowflake knows no query {query_id!r:.80}.", "Take the id from the handle; results are kept for 24 hours."
    )
    problem.query_id = query_id
    return problem
