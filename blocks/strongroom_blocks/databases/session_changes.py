"""What a statement leaves behind in its session: who has the connection next shall not find another role there."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

RESET = "set session authorization default; reset role; reset all"
"""What makes a session of PostgreSQL the one that was opened."""

_CHANGED = "strongroom_session_changed"
_CHANGES = re.compile(
    r"(?:\A|;)(?:\s|--[^\n]*\n|/\*.*?\*/)*"
    r"(?:set\s+(?!local\s|transaction\s|constraints\s)|reset\s|use\s|alter\s+session\s)"
    r"|\bset_config\s*\(",
    re.IGNORECASE | re.DOTALL,
)


def changes_session(sql: str) -> bool:
    """Whether a statement, or one of several, sets something that outlasts its transaction."""
    return _CHANGES.search(sql) is not None


def closing_changed(engine: Engine) -> Engine:
    """The engine, whose pool takes no connection back on which something was set: it is closed, and another one is
    opened when it is needed. A database in memory would be lost by that, and sqlite sets nothing for others."""
    from sqlalchemy import event

    if engine.dialect.name == "sqlite":
        return engine

    def statement(connection: Connection, _cursor: Any, sql: str, *_: Any) -> None:
        if changes_session(sql):
            connection.info[_CHANGED] = True

    def back(_connection: Any, record: Any) -> None:
        if record.info.get(_CHANGED):
            record.invalidate()

    event.listen(engine, "before_cursor_execute", statement)
    event.listen(engine, "checkin", back)
    return engine


def forget(connection: Connection) -> None:
    """Undo what was set by the driver's own means, of which nothing is seen, where the database knows a way."""
    if connection.closed or connection.invalidated or connection.dialect.name != "postgresql":
        return
    connection.info[_CHANGED] = True
    with suppress(Exception):  # it is closed then
        driver = connection.connection
        driver.rollback()
        driver.cursor().execute(RESET)
        driver.commit()
        del connection.info[_CHANGED]
