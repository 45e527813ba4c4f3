"""Connections to PostgreSQL: found dead before they are used, and left alone in a forked process.

The first is opened directly, so that a server that is away says why, and is kept; a command needs no other. Those that
threads need at the same time come from a pool.
"""

from __future__ import annotations

import logging
import select
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import psycopg
from psycopg_pool import ConnectionPool, PoolClosed, PoolTimeout

Connection = psycopg.Connection[Any]
Pool = ConnectionPool[Connection]

logging.getLogger("psycopg").addHandler(logging.NullHandler())  # a lost connection is told of by the store's own error

_PATIENCE_SECONDS = 30.0

_INHERITED: list[Connection | Pool] = []
"""What the parent process opened, kept unused: to close a connection here would end it for the parent."""


class Reachable(Protocol):
    """A database, as :class:`Connections` has to know it."""

    @property
    def parameters(self) -> dict[str, Any]:
        """What a connection is opened with."""

    def configure(self, connection: Connection) -> None:
        """What is done to a new connection before it is used."""

    def connect(self) -> Connection:
        """A new, configured connection; or the error that says why there is none."""

    def busy(self) -> Exception:
        """The error where all connections are in use for too long."""

    def closed(self) -> Exception:
        """The error where :meth:`Connections.close` was called."""


class Connections:
    """Lends connections to a place, each to one thread at a time.

    :param at_most: how many are open at a time.
    """

    def __init__(self, place: Reachable, *, at_most: int) -> None:
        self._place = place
        self._at_most = at_most
        self._lock = threading.Lock()
        self._first: Connection | None = None
        self._is_first_lent = False
        self._pool: Pool | None = None
        self._closed = False

    @contextmanager
    def lent(self) -> Iterator[Connection]:
        """A connection that nobody else has while the block lasts; or the error of the place that says why not."""
        connection, give_back = self.take()
        try:
            yield connection
        finally:
            give_back(connection)

    def check_open(self) -> None:
        """Raise the error of the place if this was closed."""
        if self._closed:
            raise self._place.closed()

    def close(self) -> None:
        """Close all connections; those that are lent, when they come back."""
        with self._lock:
            self._closed = True
            self._drop_pool()
            if self._first is not None and not self._is_first_lent:
                self._first.close()

    def after_fork(self) -> None:
        """Leave the parent's connections to the parent."""
        _INHERITED.extend(opened for opened in (self._first, self._pool) if opened is not None)
        self._first, self._pool, self._is_first_lent = None, None, False
        self._lock = threading.Lock()

    def take(self) -> tuple[Connection, Callable[[Connection], None]]:
        """A connection as :meth:`lent` lends it, and what to call with it afterwards."""
        while True:
            with self._lock:
                self.check_open()
                if not self._is_first_lent:
                    self._first = self._revived(self._first)
                    self._is_first_lent = True
                    return self._first, self._keep_first
                pool = self._pool = self._pool or self._new_pool()
            try:
                connection = pool.getconn(_PATIENCE_SECONDS)
            except PoolClosed:
                continue
            except PoolTimeout:
                self._check_room(pool)
                return self._additional()
            if _is_alive(connection):
                return connection, pool.putconn
            pool.putconn(connection)
            with self._lock:
                if pool is self._pool:
                    self._drop_pool()  # the others in it are as dead
            return self._additional()

    def _revived(self, connection: Connection | None) -> Connection:
        if connection is not None:
            if _is_alive(connection):
                return connection
            connection.close()
            self._drop_pool()
        return self._place.connect()

    def _keep_first(self, connection: Connection) -> None:
        with self._lock:
            self._is_first_lent = False
            if self._closed:
                connection.close()

    def _additional(self) -> tuple[Connection, Callable[[Connection], None]]:
        """A connection for once; or, in words, why there is none, which the pool cannot say."""
        return self._place.connect(), lambda connection: connection.close()

    def _check_room(self, pool: Pool) -> None:
        if pool.get_stats()["pool_size"] >= pool.max_size:
            raise self._place.busy() from None

    def _drop_pool(self) -> None:
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.close(timeout=2)

    def _new_pool(self) -> Pool:
        return ConnectionPool(
            kwargs=self._place.parameters,
            configure=self._place.configure,
            min_size=0,
            max_size=max(1, self._at_most - 1),
            max_idle=300,
            num_workers=1,
            name="strongroom",
            open=True,
        )


def _is_alive(connection: Connection) -> bool:
    """Whether the server is still there: one that has ended the connection has sent something unasked."""
    if connection.closed:
        return False
    socket = select.poll()
    socket.register(connection.fileno(), select.POLLIN)
    if not socket.poll(0):
        return True
    try:
        connection.execute(b"SELECT 1")  # or only a notice
        connection.rollback()
    except psycopg.Error:
        return False
    return True
