"""A statement with what it is run with, and what can be told from its first words."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from strongroom_snowflake.errors import SessionNeeded

_COMMENTS = re.compile(r"^(?:\s+|--[^\n]*(?:\n|$)|//[^\n]*(?:\n|$)|/\*.*?\*/)+", re.DOTALL)
_READS = {"select", "with", "show", "describe", "desc", "explain", "list", "ls", "values"}
_OF_SESSION = re.compile(
    r"(?:use|set|unset|begin|commit|rollback|alter\s+session|start\s+transaction"
    r"|create\s+(?:or\s+replace\s+)?(?:(?:local|global)\s+)?(?:temp|temporary|volatile))\b(?!\s*\()",
    re.IGNORECASE,
)
_BLOCK = re.compile(r"begin\s+(?!transaction\b|work\b|name\b|;)\S", re.IGNORECASE)


@dataclass(frozen=True)
class Statement:
    """SQL, the parameters that the connector binds, and what its cursor is made and asked with.

    :param cursor_type: the class of the cursor; ``None`` for that of tuples.
    :param options: what ``cursor.execute`` takes besides.
    """

    sql: str
    parameters: Any = field(default=None, repr=False)
    cursor_type: type[Any] | None = None
    options: dict[str, Any] = field(default_factory=dict, repr=False)
    many: bool = False

    def run(self, cursor: Any) -> None:
        """Have a cursor run it."""
        if self.many:
            cursor.executemany(self.sql, self.parameters, **self.options)
        else:
            cursor.execute(self.sql, self.parameters, **self.options)

    def with_options(self, **more: Any) -> Statement:
        """The same with more options; what the caller said goes before."""
        return Statement(self.sql, self.parameters, self.cursor_type, {**more, **self.options}, self.many)

    @property
    def is_reading(self) -> bool:
        """Whether it changes nothing, so that it may be run twice."""
        return not self.many and _bare(self.sql).partition(" ")[0].lower().rstrip(";(") in _READS

    def refuse_alone(self) -> None:
        """Statements whose effect is on a session are refused where none is kept.

        :raises SessionNeeded: it is one.
        """
        text = _bare(self.sql)
        found = _OF_SESSION.match(text)
        if found is None or _BLOCK.match(text) or self.options.get("num_statements", 1) != 1:
            return
        raise SessionNeeded(
            f"The statement {found[0].upper()} … changes the session that it runs in, and each call has its own.",
            "Call it inside `with connector:` or `with connector.transaction():`, which keep one session, or set what "
            "it sets in the block.",
        )


def _bare(sql: str) -> str:
    """From the first word on, with single spaces between the first ones."""
    text = _COMMENTS.sub("", sql).lstrip("( \t\r\n")
    return " ".join(text[:400].split())


Take = Callable[[Any], Any]
