"""The session that the calls inside of a ``with`` share: one connection, and cursors that go on where they stopped."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from strongroom_snowflake.errors import SessionLost

_current: ContextVar[dict[int, Session] | None] = ContextVar("strongroom_snowflake_sessions", default=None)


class Session:
    """A connection that one ``with`` holds. Threads and coroutines that share it take turns.

    :param pool: what takes the connection back, unless statements changed the session.
    :param goes_on: whether fetching the same again gives what comes next.
    :param is_manual: whether statements wait for a commit at the end.
    """

    def __init__(self, connection: Any, pool: Any, *, goes_on: bool, is_manual: bool) -> None:
        self.connection, self.pool = connection, pool
        self.lock = threading.RLock()
        self.goes_on = goes_on
        self.is_manual = is_manual
        self.is_lost = False
        self.is_changed = False
        self.in_transaction = False
        self.depth = 1
        self._cursors: dict[Any, Any] = {}

    def cursor_of(self, key: Any, run: Callable[[], Any]) -> Any:
        """The cursor of a query that was fetched from before, or that of ``run`` called now."""
        if not self.goes_on:
            return run()
        if key not in self._cursors:
            self._cursors[key] = run()
        return self._cursors[key]

    def forget_cursors(self) -> None:
        """Have the next fetches run their queries again."""
        cursors, self._cursors = list(self._cursors.values()), {}
        for cursor in cursors:
            cursor.close()

    def lost(self) -> SessionLost:
        """The error for whoever goes on."""
        self.is_lost = True
        return SessionLost(
            "The session ended, and with it what it held: an open transaction was rolled back, temporary tables are "
            "gone.",
            "Run the whole `with` again.",
        )


def current(owner: object) -> Session | None:
    """The session of a block in this context, if any."""
    return (_current.get() or {}).get(id(owner))


def enter(owner: object, session: Session) -> None:
    """Have the calls of a block in this context use a session."""
    _current.set({**(_current.get() or {}), id(owner): session})


def leave(owner: object) -> None:
    """The reverse."""
    _current.set({key: value for key, value in (_current.get() or {}).items() if key != id(owner)})
