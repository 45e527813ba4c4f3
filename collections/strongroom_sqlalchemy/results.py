"""Results that stay open between calls, so that the next call goes on where the last one stopped."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Lock
from typing import TYPE_CHECKING, Any

from strongroom.sql import SqlAlchemySession

if TYPE_CHECKING:
    from sqlalchemy import Connection, CursorResult, Engine


class OpenResults:
    """The results of statements that were fetched from, by statement and parameters. Safe to share between threads,
    and where the driver is one to await, between the coroutines of one event loop.

    One that gave its last row gives its connection back, and no rows any more until :meth:`close`.
    """

    def __init__(self) -> None:
        self._open: dict[str, _OpenResult] = {}
        self._lock = Lock()
        self._turn = asyncio.Lock()
        self._is_awaited = False

    def fetch(
        self, engine: Engine, operation: Any, parameters: Any, size: int | None, options: dict[str, Any]
    ) -> list[tuple[Any, ...]]:
        """The next ``size`` rows, or all that are left."""
        key = repr((str(operation), parameters, sorted(options.items())))
        self._is_awaited = engine.dialect.is_async
        with self._alone():
            if key not in self._open:
                self._open[key] = _OpenResult(engine, operation, parameters, options)
            try:
                return self._open[key].fetch(size)
            except BaseException:
                self._open.pop(key).drop()
                raise

    def buffer(self) -> None:
        """Take the rows that are left into memory, so that no connection is held for them."""
        with self._alone():
            for found in self._open.values():
                found.buffer()

    def close(self) -> None:
        """Close all; the next fetch runs its statement anew."""
        with self._alone():
            opened, self._open = self._open, {}
            for found in opened.values():
                found.give_back()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One fetches at a time. A coroutine that waits for its turn lets the event loop go on."""
        if not self._is_awaited:
            with self._lock:
                yield
            return
        from sqlalchemy.util import await_only

        await_only(self._turn.acquire())
        try:
            yield
        finally:
            self._turn.release()


class _OpenResult:
    """One statement's result and the connection that it is on, as long as there are rows."""

    def __init__(self, engine: Engine, operation: Any, parameters: Any, options: dict[str, Any]) -> None:
        self._rows: deque[tuple[Any, ...]] = deque()
        connection = engine.connect()
        try:
            self._result: CursorResult[Any] | None = ran(connection, operation, parameters, options)
        except BaseException:
            connection.close()
            raise
        self._connection = connection

    def fetch(self, size: int | None) -> list[tuple[Any, ...]]:
        if size is None or self._result is None:
            self.buffer()
            number = len(self._rows) if size is None else min(size, len(self._rows))
            return [self._rows.popleft() for _ in range(number)]
        rows = [tuple(row) for row in self._result.fetchmany(size)]
        if len(rows) < size:
            self.give_back()
        return rows

    def buffer(self) -> None:
        if self._result is not None:
            self._rows.extend(tuple(row) for row in self._result.fetchall())
            self.give_back()

    def drop(self) -> None:
        """What was interrupted or broke off has no rows any more, nor anything to commit."""
        self._result = None
        with suppress(Exception):  # what went wrong first is worth more
            self._connection.close()

    def give_back(self) -> None:
        """A statement that gives rows may change some as well: ``insert … returning``."""
        result, self._result = self._result, None
        if result is None:
            return
        try:
            result.close()
            with suppress(Exception):  # the connection was lost: there is nothing to keep
                self._connection.commit()
        finally:
            self._connection.close()


def ran(connection: Connection, operation: Any, parameters: Any, options: dict[str, Any]) -> CursorResult[Any]:
    """The result of a statement: a text, whose placeholders are ``:name``, or whatever SQLAlchemy executes."""
    if isinstance(operation, str):
        return SqlAlchemySession(connection).result(operation, parameters, **options)
    result: CursorResult[Any] = connection.execution_options(**options).execute(operation, parameters)
    return result
