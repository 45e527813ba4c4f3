"""The one interface of the ledger. Features write portable SQL against it, once for all databases."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol

Row = tuple[Any, ...]


class Session(Protocol):
    """A transaction on the ledger."""

    def execute(self, sql: str, *values: Any) -> list[Row]:
        """Carry out one statement, with ``?`` for each value; gives the rows of a SELECT, or of a RETURNING.

        SQL that SQLite and PostgreSQL share: ids and JSON as TEXT, times as BIGINT microseconds, truth as 0 and 1.
        """

    def now(self) -> int:
        """The database's clock: microseconds since 1970 in UTC."""


class Ledger(Protocol):
    """What processes agree on at once. Each call waits for the database, some milliseconds; async code uses a thread.

    Both raise :class:`~strongroom.errors.LedgerUnavailable` where the database cannot be used, and its siblings.
    Neither is used inside the other.
    """

    url: str
    changes: Changes

    def changing(self) -> AbstractContextManager[Session]:
        """One transaction that no other process or thread changes the ledger beside; an exception rolls it back."""

    def reading(self) -> AbstractContextManager[Session]:
        """One consistent view."""

    def glance(self, sql: str, *values: Any) -> list[Row]:
        """What one SELECT finds: quicker than a view, where one will do. Raises likewise."""

    def version(self) -> object | None:
        """What is another one after each change by anybody; None where asking costs as much as a glance.

        Raises LedgerUnavailable likewise.
        """

    def close(self) -> None:
        """Let go of files and connections. A ledger that is closed opens again when it is used again."""


class Changes:
    """Tells the threads of this process that it changed the ledger."""

    def __init__(self) -> None:
        self._count = 0
        self._changed = threading.Condition()
        self._listeners: tuple[Callable[[], None], ...] = ()

    @property
    def count(self) -> int:
        """How many changes there were."""
        return self._count

    def tell(self) -> None:
        """There was one."""
        with self._changed:
            self._count += 1
            self._changed.notify_all()
        for listener in self._listeners:
            listener()

    @contextmanager
    def listening(self, listener: Callable[[], None]) -> Iterator[None]:
        """Have ``listener`` called at each change inside the block, in the thread that made it. It must not raise."""
        with self._changed:
            self._listeners = (*self._listeners, listener)
        try:
            yield
        finally:
            with self._changed:
                self._listeners = tuple(other for other in self._listeners if other is not listener)

    def wait(self, since: int, timeout: float) -> None:
        """Wait until there were more than ``since``, or ``timeout`` seconds have passed."""
        with self._changed:
            if self._count == since:
                self._changed.wait(timeout)
