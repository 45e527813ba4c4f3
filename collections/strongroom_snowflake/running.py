"""Running statements for a block: on the session of the ``with`` around it, or on a connection of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from inspect import signature
from itertools import chain
from typing import TYPE_CHECKING, Any

from strongroom.sql import chunks

from strongroom_snowflake import connections, sessions
from strongroom_snowflake.errors import (
    OutcomeUnknown,
    QueryFailed,
    ServiceProblem,
    SessionLost,
    SessionNeeded,
    SnowflakeError,
)
from strongroom_snowflake.faults import told
from strongroom_snowflake.query_tag import query_tag
from strongroom_snowflake.statement import Statement
from strongroom_snowflake.waiting import interruptibly

if TYPE_CHECKING:
    from strongroom_snowflake.connector import SnowflakeConnector

Take = Callable[[Any], Any]

_ROWS_AT_ONCE = 4096


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
        return in_session(block, session, lambda: take(executed(block, session.connection, statement, session)))
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
        lambda: take(session.cursor_of(key, lambda: executed(block, session.connection, statement, session))),
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
        except SessionLost:
            raise session.lost() from None
        except ServiceProblem:
            session.is_changed = True  # nobody knows how it is
            raise


@contextmanager
def lent(block: SnowflakeConnector) -> Iterator[Any]:
    """The connection of the session around it, or one that is given back afterwards."""
    session = sessions.current(block)
    if session is not None:
        with session.lock:
            yield session.connection
        return
    with _taken(block, fresh=False, is_kept=False) as (connection, pool):
        yield connection
        if is_manual(block):
            connection.commit()
    _finished(connection, pool, is_good=False)  # nobody knows what its user made of the session


def asked(block: SnowflakeConnector, call: Callable[[Any], Any], query_id: str | None = None) -> Any:
    """What a connection answers to something that changes nothing; asked once more where the session is gone."""
    session = sessions.current(block)
    if session is not None:
        return in_session(block, session, lambda: call(session.connection))
    try:
        return _answer(block, call, query_id, fresh=False)
    except ServiceProblem:
        return _answer(block, call, query_id, fresh=True)


def _answer(block: SnowflakeConnector, call: Callable[[Any], Any], query_id: str | None, *, fresh: bool) -> Any:
    with _taken(block, fresh=fresh) as (connection, pool), told(_place(block), query_id):
        found = interruptibly(lambda: call(connection), lambda: None)
    _finished(connection, pool, is_good=True)
    return found


@contextmanager
def streaming(block: SnowflakeConnector, statement: Statement) -> Iterator[Any]:
    """A cursor that ran a statement, on a connection that is its own for as long as the ``with`` lasts."""
    session = sessions.current(block)
    if session is not None:
        with session.lock:
            cursor = in_session(block, session, lambda: executed(block, session.connection, statement, session))
            with told(_place(block), cursor.sfqid):
                yield cursor
        return
    statement.refuse_alone()
    try:
        connection, pool, cursor = _started(block, statement, fresh=False)
    except ServiceProblem as problem:
        if not isinstance(problem, SessionLost) and not statement.is_reading:
            raise
        connection, pool, cursor = _started(block, statement, fresh=True)
    is_good = False
    try:
        with told(_place(block), cursor.sfqid):
            yield cursor
            if is_manual(block):
                connection.commit()
        is_good = not statement.is_several
    finally:
        _finished(connection, pool, is_good=is_good)


def many(block: SnowflakeConnector, sql: str, rows: Iterable[Any]) -> None:
    """Run a statement once for each row of parameters, all of them or none; a few thousand at a time."""
    session = sessions.current(block)
    own = begin(block, goes_on=False) if session is None else session
    succeeded = False
    try:
        in_session(block, own, lambda: many_in(block, own, sql, rows))
        succeeded = True
    finally:
        if session is None:
            end(block, succeeded=succeeded)


def many_in(block: SnowflakeConnector, session: sessions.Session, sql: str, rows: Iterable[Any]) -> None:
    """The same on a session; a transaction that is open there is gone on with."""
    pieces = chunks(rows, _ROWS_AT_ONCE)
    first, second = next(pieces, None), next(pieces, None)
    if first is None:
        return
    whole = Statement(sql, first, many=True)
    if session.in_transaction or (second is None and whole.is_insert):
        for piece in chain([first], [second] if second else [], pieces):
            executed(block, session.connection, replace(whole, parameters=piece), session)
        return
    executed(block, session.connection, Statement("begin"), session)
    try:
        for piece in chain([first], [second] if second else [], pieces):
            executed(block, session.connection, replace(whole, parameters=piece), session)
    except BaseException:
        with suppress(SnowflakeError):
            executed(block, session.connection, Statement("rollback"), session)
        raise
    executed(block, session.connection, Statement("commit"), session)


def executed(
    block: SnowflakeConnector, connection: Any, statement: Statement, session: sessions.Session | None = None
) -> Any:
    """A cursor that ran a statement; the wait for it can be interrupted, and the query is cancelled then."""
    cursor = connection.cursor(statement.cursor_type) if statement.cursor_type else connection.cursor()
    tag = query_tag() if block.query_tags and "QUERY_TAG" not in _upper(block.session_parameters) else None
    bound = statement.bound_as(block.paramstyle)
    tagged = bound.with_options(_statement_params={"QUERY_TAG": tag}) if tag and _takes_a_tag(bound, cursor) else bound
    with told(_place(block)):
        interruptibly(lambda: tagged.run(cursor), lambda: _cancel(connection, cursor, bound.sql))
    if session is not None:
        session.in_transaction = statement.transaction_after(session.in_transaction)
        session.is_changed |= statement.is_of_session
    return cursor


def begin(block: SnowflakeConnector, *, goes_on: bool = True) -> sessions.Session:
    """Have the calls of this context share one session; one that is there already is kept."""
    session = sessions.current(block)
    if session is not None:
        session.depth += 1
        return session
    connection, pool = connections.taken(block, block._login, block.pool_size)
    session = sessions.Session(connection, pool, goes_on=goes_on, is_manual=is_manual(block))
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
        if session.is_lost or session.is_changed or not succeeded:
            connections.let_go(session.connection)
        else:
            session.pool.give_back(session.connection)


@contextmanager
def transaction(block: SnowflakeConnector) -> Iterator[sessions.Session]:
    """A session with a transaction in it."""
    session = begin(block, goes_on=False)
    succeeded = False

    def say(sql: str) -> None:
        in_session(block, session, lambda: executed(block, session.connection, Statement(sql), session))

    try:
        if session.in_transaction:
            raise SessionNeeded(
                "There is a transaction in this session already, and Snowflake has no transactions inside of others.",
                "Leave out the inner one; or call it outside of the outer one's `with`.",
            )
        say("begin")
        yield session
        say("commit")
        succeeded = True
    finally:
        if not succeeded:
            roll_back(block)
        end(block, succeeded=succeeded)


def roll_back(block: SnowflakeConnector) -> None:
    """Undo the transaction of the session around it, if one is open."""
    session = sessions.current(block)
    if session is not None and session.in_transaction and not session.is_lost:
        with suppress(SnowflakeError):
            in_session(block, session, lambda: executed(block, session.connection, Statement("rollback"), session))


def closed(block: SnowflakeConnector) -> None:
    """Close what a block has open."""
    session = sessions.current(block)
    if session is not None:
        session.depth = 1
        end(block, succeeded=True)
    connections.connections_of(block._login(), block.pool_size).close()


def _alone(block: SnowflakeConnector, statement: Statement, take: Take, *, fresh: bool) -> Any:
    connection, pool, cursor = _started(block, statement, fresh=fresh)
    is_good = False
    try:
        with told(_place(block), cursor.sfqid):
            found = take(cursor)
            if is_manual(block):
                connection.commit()
        is_good = not statement.is_several
        return found
    except SessionLost as problem:
        if statement.is_reading or is_manual(block):
            raise
        raise _unknown(problem) from None  # it was run, and is not to be run twice
    finally:
        _finished(connection, pool, is_good=is_good)


def _started(block: SnowflakeConnector, statement: Statement, *, fresh: bool) -> tuple[Any, Any, Any]:
    """A connection with a statement that it ran, and what takes it back."""
    with _taken(block, fresh=fresh, is_kept=not statement.is_several) as (connection, pool):
        try:
            return connection, pool, executed(block, connection, statement)
        except ServiceProblem as problem:
            if isinstance(problem, SessionLost) or statement.is_reading:
                raise
            raise _unknown(problem) from None


@contextmanager
def _taken(block: SnowflakeConnector, *, fresh: bool, is_kept: bool = True) -> Iterator[Any]:
    """A connection, which its user gives back; if the ``with`` raises, that is done here.

    :param is_kept: whether it is still good for others after a statement failed.
    """
    connection, pool = connections.taken(block, block._login, block.pool_size, fresh=fresh)
    try:
        yield connection, pool
    except QueryFailed:
        _finished(connection, pool, is_good=is_kept and not is_manual(block))
        raise
    except BaseException:
        _finished(connection, pool, is_good=False)
        raise


def _finished(connection: Any, pool: Any, *, is_good: bool) -> None:
    if is_good:
        pool.give_back(connection)
    else:
        connections.let_go(connection)


def _cancel(connection: Any, cursor: Any, sql: str) -> None:
    """Ask the server to end what a cursor runs. It is known by the request's id, until the query has one."""
    with suppress(Exception):
        if cursor.sfqid:
            cursor.abort_query(cursor.sfqid)
        elif hasattr(connection, "_cancel_query"):
            connection._cancel_query(sql, cursor._request_id)
        else:  # from version 5 on: the server ends what the session runs
            connection.close()


def _takes_a_tag(statement: Statement, cursor: Any) -> bool:
    """``executemany`` takes no parameters of a statement any more, from version 5 on."""
    return not statement.many or any(
        parameter.kind is parameter.VAR_KEYWORD for parameter in signature(cursor.executemany).parameters.values()
    )


def _unknown(problem: ServiceProblem) -> OutcomeUnknown:
    unknown = OutcomeUnknown(
        f"The connection broke while a statement ran that may have changed data: {problem.problem}",
        "See in the query history whether it was run, before you run it again.",
    )
    unknown.query_id = problem.query_id
    return unknown


def is_manual(block: SnowflakeConnector) -> bool:
    """Whether statements wait for a commit: so say the credentials, or else the parameters of the session."""
    if block.credentials.autocommit is not None:
        return not block.credentials.autocommit
    found = [value for name, value in block.session_parameters.items() if name.upper() == "AUTOCOMMIT"]
    return bool(found) and str(found[-1]).lower() in ("false", "0", "off", "no")


def _place(block: SnowflakeConnector) -> str:
    return f"account {block.credentials.account}"


def _upper(names: Any) -> set[str]:
    return {name.upper() for name in names}
