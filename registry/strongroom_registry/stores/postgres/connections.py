"""Connections to PostgreSQL: pooled, found dead before they are used, and left alone in a forked process."""

from __future__ import annotations

import select
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg_pool import ConnectionPool, PoolClosed, PoolTimeout

from strongroom_registry.errors import StoreUnavailable
from strongroom_registry.stores.postgres.place import Place

Connection = psycopg.Connection[Any]
Pool = ConnectionPool[Connection]

_AT_MOST = 10
_PATIENCE_SECONDS = 30.0

_INHERITED: list[Pool] = []
"""Pools of the parent process, kept unused: to close a connection of theirs would end it for the parent."""


class Connections:
    """Lends connections to a place. There is no pool while the server is away, so that nobody waits for one."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self._pool: Pool | None = None
        self._lock = threading.Lock()
        self._closed = False

    @contextmanager
    def lent(self) -> Iterator[Connection]:
        """A connection that nobody else has while the block lasts; what a failure left open in it is undone.

        :raises StoreUnavailable: the server is away, or all connections are in use.
        """
        pool, connection = self._living()
        try:
            yield connection
        finally:
            pool.putconn(connection)

    def check_open(self) -> None:
        """:raises StoreUnavailable: this was closed."""
        if self._closed:
            raise StoreUnavailable(f"The registry in {self.place.text} was closed.", "Open it again.")

    def close(self) -> None:
        """Close all connections; those that are lent, when they come back."""
        with self._lock:
            self._closed = True
            self._drop()

    def after_fork(self) -> None:
        """Leave the parent's connections to the parent."""
        if self._pool is not None:
            _INHERITED.append(self._pool)
        self._pool = None
        self._lock = threading.Lock()

    def _living(self) -> tuple[Pool, Connection]:
        while True:
            pool = self._opened()
            try:
                connection = pool.getconn(_PATIENCE_SECONDS)
            except PoolClosed:
                continue
            except PoolTimeout:
                self._explain(pool)
                continue
            if _is_alive(connection):
                return pool, connection
            pool.putconn(connection)
            self._renew(pool)

    def _opened(self) -> Pool:
        with self._lock:
            self.check_open()
            if self._pool is None:
                self._pool = self._new_pool()
            return self._pool

    def _renew(self, pool: Pool) -> None:
        """After a server was away all connections to it are dead. Without one new connection, say why."""
        with self._lock:
            if self._pool is pool:
                self._drop()

    def _explain(self, pool: Pool) -> None:
        """Why the pool gave no connection: all are in use, or it could make none."""
        if pool.get_stats()["pool_size"] >= _AT_MOST:
            raise StoreUnavailable(
                f"All {_AT_MOST} connections of this process to {self.place.text} are in use.",
                "Try again when others are finished.",
            )
        self._renew(pool)

    def _drop(self) -> None:
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.close(timeout=2)

    def _new_pool(self) -> Pool:
        with self.place.in_words():
            self.place.connect().close()  # the pool's own errors say when it gave up, not why
        return ConnectionPool(
            kwargs=self.place.parameters,
            configure=self.place.configure,
            min_size=0,
            max_size=_AT_MOST,
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
    except psycopg.Error:
        return False
    return True
