"""Every error of the Snowflake collection.

    StrongroomError
    └── SnowflakeError                          with ``query_id``, ``errno`` and ``sqlstate`` where there are any
        ├── KeyUnusable (ValueError)            no private key in what was pasted, or not one that Snowflake takes
        ├── CredentialsProblem
        │   ├── CredentialsRejected             wrong user, password, key, passcode or token
        │   └── CredentialsExpired              a token whose time is over
        ├── QueryFailed                         Snowflake ran the statement, or tried to, and says no
        │   ├── AccessDenied (PermissionError)  the role may not do this
        │   ├── ObjectNotFound (LookupError)    no such table, stage, database, …; or none that the role may see
        │   ├── StatementInvalid (ValueError)   the SQL or its parameters
        │   └── QueryCancelled                  by a person, a timeout of the warehouse, or by us
        ├── QueryNotFound (LookupError)         no query has this id, or its result is no longer kept
        ├── SessionNeeded (ValueError)          a statement that changes a session, where none is kept
        ├── LoadIncomplete (ValueError)         files that were not loaded, or not whole
        ├── NotReady (TimeoutError)             what was waited for did not come in time
        └── ServiceProblem (ConnectionError)
            ├── ServerUnreachable               nobody answers
            ├── SessionLost                     the session ended, and what it had open with it
            └── OutcomeUnknown                  the connection broke while a statement ran that may have changed data

None is chained to the driver's own exception, which may hold the statement with the values in it.
"""

from __future__ import annotations

from strongroom import StrongroomError


class SnowflakeError(StrongroomError):
    """The root of what can go wrong between Strongroom and Snowflake.

    :ivar query_id: Snowflake's id of the query, to look it up in its history.
    :ivar errno: Snowflake's number of the error.
    :ivar sqlstate: the standard's class of the error.
    """

    query_id: str | None = None
    errno: int | None = None
    sqlstate: str | None = None


class KeyUnusable(SnowflakeError, ValueError):
    """What was given as a private key is none, or needs another passphrase."""


class CredentialsProblem(SnowflakeError):
    """Snowflake did not let this login in."""


class CredentialsRejected(CredentialsProblem):
    """The user, or what proves who it is, is not right."""


class CredentialsExpired(CredentialsProblem):
    """A token or a key's signature whose time is over."""


class QueryFailed(SnowflakeError):
    """Snowflake refused a statement, or broke off running it."""


class AccessDenied(QueryFailed, PermissionError):
    """The role has no right to do this."""


class ObjectNotFound(QueryFailed, LookupError):
    """The statement names something that is not there, or that the role may not know of."""


class StatementInvalid(QueryFailed, ValueError):
    """The statement is no SQL that Snowflake understands, or its parameters do not fit."""


class QueryCancelled(QueryFailed):
    """The query was ended before it was through."""


class QueryNotFound(SnowflakeError, LookupError):
    """No query of this account has this id, or its result is gone."""


class SessionNeeded(SnowflakeError, ValueError):
    """The statement changes the session that it runs in, which is given back when the call is over."""


class LoadIncomplete(SnowflakeError, ValueError):
    """Not all of what was to be loaded is in the table."""


class NotReady(SnowflakeError, TimeoutError):
    """What was waited for was not there when the time was over."""


class ServiceProblem(SnowflakeError, ConnectionError):
    """Snowflake is away; the same call may succeed later."""


class ServerUnreachable(ServiceProblem):
    """No answer came from the server."""


class SessionLost(ServiceProblem):
    """The session ended: what it held open, a transaction or temporary tables, is gone."""


class OutcomeUnknown(ServiceProblem):
    """The connection broke while a statement ran that may have changed data: whether it did is not known."""
