"""Running statements for a block: on the session of the ``with`` around it, or on a connection of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from strongroom_snowflake import connections, sessions
from strongroom_snowflake.errors import OutcomeUnknown, QueryFailed, ServiceProblem, SessionLost, SnowflakeError
from strongroom_snowflake.faults import told
from strongroom_snowflake.query_tag import query_tag
from strongroom_snowflake.statement import Statement
from strongroom_snowflake.waiting import interruptibly

if TYPE_CHECKING:
    from strongroom_snowflake.connector import SnowflakeConnector

Take = Callable[[Any], Any]


def ran(block: SnowflakeConnector, statement: Statement, take: Take) -> Any:
    """What ``take`` makes of the cursor of a statement.

    A statement that reached no session is run once more on a new one; one whose connection broke while it ran, only if
    it changes nothing.

    :raises QueryFailed: Snowflake says no.
    :raises SessionNeeded: the statement is for a session that is kept, and there is none.
    :raises ServiceProblem: Snowflake is away.
    """
    session = sessions.current(block)
    if session is not None:
        return in_session(block, session, lambda: take(executed(block, session.connection, statement)))
    statement.refuse_alone()
    try:
        return _alone(block, statement, take, fresh=False)
    except ServiceProblem as problem:
        if not isinstance(problem, SessionLost) and not statement.is_reading:
            raise
        if isinstance(problem, OutcomeUnknown) and not statement.is_reading:
            raise
    return _alone(block, statement, take, fresh=True)


def fetched(block: SnowflakeConnector, statement: Statement, take: Take) -> Any:
    """The same, but inside of ``with block:`` the cursor of an equal statement goes on where it stopped."""
    session = sessions.current(block)
    if session is None:
        return ran(block, statement, take)
    key = (statement.sql, repr(statement.parameters), statement.cursor_type)
    return in_session(
        block,
        session,
        lambda: take(session.cursor_of(key, lambda: executed(block, session.connection, statement))),
    )


def in_session(block: SnowflakeConnector, session: sessions.Session, call: Callable[[], Any]) -> Any:
    """Do something on the session of a ``with``, alone.

    :raises SessionLost: it ended.
    """
    with session.lock:
        if session.is_lost:
            raise session.lost()
        try:
            with told(_place(block)):
                return call()
        except ServiceProblem:
            raise session.lost() from None


@contextmanager
def lent(block: SnowflakeConnector) -> Iterator[Any]:
    """The connection of the session around it, or one that is given back afterwards."""
    session = sessions.current(block)
    if session is not None:
        with session.lock:
            yield session.connection
        return
    with _taken(block, fresh=False) as connection:
        yield connection
        if block.credentials.autocommit is False:
            connection.commit()


def executed(block: SnowflakeConnector, connection: Any, statement: Statement) -> Any:
    """A cursor that ran a statement; the wait for it can be interrupted, and the query is cancelled then."""
    cursor = connection.cursor(statement.cursor_type) if statement.cursor_type else connection.cursor()
    tag = query_tag() if block.query_tags and "QUERY_TAG" not in _upper(block.session_parameters) else None
    tagged = statement.with_options(_statement_params={"QUERY_TAG": tag}) if tag else statement
    with told(_place(block)):
        interruptibly(lambda: tagged.run(cursor), lambda: _cancel(connection, cursor, statement.sql))
    return cursor


def begin(block: SnowflakeConnector, *, goes_on: bool = True) -> sessions.Session:
    """Have the calls of this context share one session; one that is there already is kept."""
    session = sessions.current(block)
    if session is not None:
        session.depth += 1
        return session
    connection, _ = connections.taken(block, block._login, block.pool_size, fresh=True)
    session = sessions.Session(connection, goes_on=goes_on, is_manual=block.credentials.autocommit is False)
    sessions.enter(block, session)
    return session


def end(block: SnowflakeConnector, *, succeeded: bool) -> None:
    """The end of a ``with``; that of the outermost one ends the session."""
    session = sessions.current(block)
    if session is None:
        return
    session.depth -= 1
    if session.depth:
        return
    sessions.leave(block)
    try:
        if session.is_manual and not session.is_lost:
            with told(_place(block)):
                session.connection.commit() if succeeded else session.connection.rollback()
    finally:
        session.forget_cursors()
        connections.let_go(session.connection)


@contextmanager
def transaction(block: SnowflakeConnector) -> Iterator[Any]:
    """A session with a transaction in it."""
    session = begin(block, goes_on=False)
    succeeded = False
    try:
        in_session(block, session, lambda: executed(block, session.connection, Statement("begin")))
        yield session.connection
        in_session(block, session, lambda: executed(block, session.connection, Statement("commit")))
        succeeded = True
    finally:
        if not succeeded and not session.is_lost:
            with suppress(SnowflakeError):
                in_session(block, session, lambda: executed(block, session.connection, Statement("rollback")))
        end(block, succeeded=succeeded)


def closed(block: SnowflakeConnector) -> None:
    """Close what a block has open."""
    session = sessions.current(block)
    if session is not None:
        session.depth = 1
        end(block, succeeded=True)
    connections.connections_of(block._login(), block.pool_size).close()


def _alone(block: SnowflakeConnector, statement: Statement, take: Take, *, fresh: bool) -> Any:
    with _taken(block, fresh=fresh) as connection:
        try:
            cursor = executed(block, connection, statement)
        except ServiceProblem as problem:
            if isinstance(problem, SessionLost) or statement.is_reading:
                raise
            raise _unknown(problem) from None
        with told(_place(block), cursor.sfqid):
            found = take(cursor)
            if block.credentials.autocommit is False:
                connection.commit()
        return found


@contextmanager
def _taken(block: SnowflakeConnector, *, fresh: bool) -> Iterator[Any]:
    """A connection that is given back, unless something happened to it."""
    connection, pool = connections.taken(block, block._login, block.pool_size, fresh=fresh)
    is_good = False
    try:
        yield connection
        is_good = True
    except QueryFailed:
        is_good = block.credentials.autocommit is not False
        raise
    finally:
        if is_good:
            pool.give_back(connection)
        else:
            connections.let_go(connection)


def _cancel(connection: Any, cursor: Any, sql: str) -> None:
    """Ask the server to end what a cursor runs. It is known by the request's id, until the query has one."""
    with suppress(Exception):
        if cursor.sfqid:
            cursor.abort_query(cursor.sfqid)
        else:
            connection._cancel_query(sql, cursor._request_id)


def _unknown(problem: ServiceProblem) -> OutcomeUnknown:
    unknown = OutcomeUnknown(
        f"The connection broke while a statement ran that may have changed data: {problem.problem}",
        "See in the query history whether it was run, before you run it again.",
    )
    unknown.query_id = problem.query_id
    return unknown


def _place(block: SnowflakeConnector) -> str:
    return f"account {block.credentials.account}"


def _upper(names: Any) -> set[str]:
    return {name.upper() for name in names}
