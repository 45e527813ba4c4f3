"""One login to Snowflake, and the connections that this process keeps open by it."""

from __future__ import annotations

import atexit
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from strongroom import require_extra
from strongroom.client_pool import ClientPool
from strongroom.sources import reloaded

from strongroom_snowflake.errors import (
    CredentialsExpired,
    CredentialsProblem,
    CredentialsRejected,
    SnowflakeError,
    StatementInvalid,
)
from strongroom_snowflake.faults import told

if TYPE_CHECKING:
    from snowflake.connector import SnowflakeConnection

_LOGINS = 16
_SECRETS = {"password", "passcode", "private_key", "token"}
"""Arguments that are other ones when a credential is rotated; who logs in, and where, stays the same."""
_IDLE_SECONDS = 600.0
"""How long a connection is kept that nobody uses: what was rotated away is not held on to for long."""

REFUSED = (CredentialsRejected, CredentialsExpired)
"""The errors after which the secret of a block is fetched anew."""


def patience(seconds: float) -> dict[str, int]:
    """The arguments of a connection that gives up after so many seconds."""
    whole = max(1, int(seconds))
    return {"login_timeout": whole, "network_timeout": whole, "socket_timeout": whole}


@dataclass(frozen=True, eq=False)
class Login:
    """What a connection is made with: the arguments of ``snowflake.connector.connect``, secrets in clear."""

    parameters: dict[str, Any] = field(repr=False)

    @property
    def place(self) -> str:
        """What errors call it."""
        return f"account {self.parameters.get('account')}"

    def connect(self) -> SnowflakeConnection:
        """A new connection.

        :raises CredentialsProblem: Snowflake does not let this login in.
        :raises ServerUnreachable: nobody answers.
        :raises MissingExtra: the connector is not installed.
        """
        driver = require_extra("snowflake.connector", extra="snowflake")
        refusal: Exception | None = None
        try:
            with told(self.place):
                connection: SnowflakeConnection = driver.connect(
                    **{"application": "Strongroom", "platform_detection_timeout_seconds": 0.0, **self.parameters}
                )
                return connection
        except StatementInvalid as error:  # the connector did not even ask
            refusal = CredentialsProblem(error.problem, "Correct the fields of the credentials block.")
        except SnowflakeError as error:
            refusal = error.with_traceback(None)  # whose frames hold the arguments
            refusal.__context__ = None
        raise refusal


class Connections:
    """The idle connections of a login. Any number is opened when it is asked for; some are kept afterwards.

    :param at_most: how many are kept.
    """

    def __init__(self, login: Login, at_most: int) -> None:
        self._login, self._at_most = login, at_most
        self._idle: list[tuple[float, SnowflakeConnection]] = []
        self._lock = threading.Lock()
        self._is_closed = False
        _all.add(self)

    def take(self, *, fresh: bool = False) -> SnowflakeConnection:
        """A connection that is nobody else's until it is given back or let go.

        :param fresh: that was not open before.
        """
        found, spare = None, []
        with self._lock:
            oldest = time.monotonic() - _IDLE_SECONDS
            while self._idle and self._idle[0][0] < oldest:
                spare.append(self._idle.pop(0)[1])
            if self._idle and not fresh:
                found = self._idle.pop()[1]
        for connection in spare:
            let_go(connection)
        return found or self._login.connect()

    def give_back(self, connection: SnowflakeConnection) -> None:
        """Keep a connection for the next who asks, or close it."""
        with self._lock:
            is_kept = not self._is_closed and len(self._idle) < self._at_most and not connection.is_closed()
            if is_kept:
                self._idle.append((time.monotonic(), connection))
        if not is_kept:
            let_go(connection)

    def close(self) -> None:
        """Close the idle ones, and the others when they are given back."""
        with self._lock:
            self._is_closed = True
            idle, self._idle = self._idle, []
        for _, connection in idle:
            let_go(connection)

    def after_fork(self) -> None:
        """Leave the parent's connections to it: what closes one, as the connector does at exit, ends its session."""
        for _, connection in self._idle:
            at_exit: Any = getattr(connection, "_close_at_exit", connection.close)
            atexit.unregister(at_exit)
        _inherited.append(self._idle)
        self._idle, self._lock = [], threading.Lock()


_inherited: list[object] = []
_all: WeakSet[Connections] = WeakSet()
_open: ClientPool[Connections] = ClientPool(
    _LOGINS, let_go=lambda connections: connections.close(), inherited=lambda connections: connections.after_fork()
)


def connections_of(login: Login, at_most: int) -> Connections:
    """The process' connections by this login: blocks with the same values share them. Nothing is opened yet."""
    values = sorted((name, value) for name, value in login.parameters.items())
    place = [(name, value) for name, value in values if name not in _SECRETS] if "user" in login.parameters else None
    return _open.get((values, at_most), lambda: Connections(login, at_most), place=place and (place, at_most))


def close_all() -> None:
    """Close everything that is idle, and begin anew."""
    _open.clear()
    for connections in list(_all):
        connections.close()


def taken(block: Any, make_login: Callable[[], Login], at_most: int, *, fresh: bool = False) -> Any:
    """A connection of a block's, and its :class:`Connections`; the block's secrets are fetched anew where Snowflake
    refuses them, and what was open by the former ones is closed."""
    tried: list[Connections] = []

    def attempt() -> tuple[SnowflakeConnection, Connections]:
        connections = connections_of(make_login(), at_most)
        for former in tried:
            if former is not connections:
                former.close()
        tried.append(connections)
        return connections.take(fresh=fresh or len(tried) > 1), connections

    return reloaded(block, attempt, refused=REFUSED)


def opened(block: Any, make_login: Callable[[], Login]) -> SnowflakeConnection:
    """A connection outside of the pool, which the caller closes."""
    return reloaded(block, lambda: make_login().connect(), refused=REFUSED)


@contextmanager
def one(block: Any, make_login: Callable[[], Login]) -> Iterator[Any]:
    """A connection outside of the pool, closed at the end of the ``with``."""
    connection = opened(block, make_login)
    try:
        yield connection
    finally:
        let_go(connection)


def let_go(connection: SnowflakeConnection) -> None:
    """Close a connection, without trying again where the server does not listen."""
    with suppress(Exception):
        connection.close(retry=False)
