"""A statement with what it is run with, and what can be told from its first words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from strongroom.sql import neutral

from strongroom_snowflake.errors import SessionNeeded

_COMMENTS = re.compile(r"^(?:\s+|--[^\n]*(?:\n|$)|//[^\n]*(?:\n|$)|/\*.*?\*/)+", re.DOTALL)
_READS = {"select", "with", "show", "describe", "desc", "explain", "list", "ls", "values"}
_OF_SESSION = re.compile(
    r"(?:use|set|unset|begin|commit|rollback|alter session|start transaction"
    r"|create (?:or replace )?(?:(?:local|global) )?(?:temp|temporary|volatile))\b(?! ?\()",
    re.IGNORECASE,
)
_BLOCK = re.compile(r"begin (?!transaction\b|work\b|name\b|;)\S", re.IGNORECASE)
_BEGINS = re.compile(r"(?:begin|start transaction)\b", re.IGNORECASE)
_ENDS = re.compile(r"(?:commit|rollback)\b", re.IGNORECASE)
_PROCEDURE = re.compile(r"\bas\s+procedure\b", re.IGNORECASE)
_NO_CODE = re.compile(
    r"'(?:[^'\\]|''|\\.)*'|\"(?:[^\"]|\"\")*\"|\$\$.*?\$\$|--[^\n]*|//[^\n]*|/\*.*?\*/",
    re.DOTALL,
)
_PYFORMAT = re.compile(r"%(?:%|\((\w+)\)s)")


@dataclass(frozen=True)
class Statement:
    """SQL, the parameters that the connector binds, and what its cursor is made and asked with.

    :param cursor_type: the class of the cursor; ``None`` for that of tuples.
    :param options: what ``cursor.execute`` takes besides.
    :param many: whether ``parameters`` are those of many rows.
    :param is_asynchronous: whether it runs by itself once it was asked.
    """

    sql: str
    parameters: Any = field(default=None, repr=False)
    cursor_type: type[Any] | None = None
    options: dict[str, Any] = field(default_factory=dict, repr=False)
    many: bool = False
    is_asynchronous: bool = False

    @classmethod
    def asked(cls, sql: str, parameters: Any, cursor_type: type[Any] | None, options: dict[str, Any]) -> Statement:
        """What a caller asks for; ``operation``, as other tools name the SQL, is taken for it.

        :raises TypeError: there is no SQL.
        """
        sql = sql or options.pop("operation", "")
        if not sql:
            raise TypeError("give the statement as the first argument")
        return cls(sql, parameters, cursor_type, options)

    def run(self, cursor: Any) -> None:
        """Have a cursor run it."""
        if self.is_asynchronous:
            cursor.execute_async(self.sql, self.parameters, **self.options)
        elif self.many:
            cursor.executemany(self.sql, self.parameters, **self.options)
        else:
            cursor.execute(self.sql, self.parameters, **self.options)

    def with_options(self, **more: Any) -> Statement:
        """The same with more options; what the caller said goes before."""
        return replace(self, options={**more, **self.options})

    def bound_as(self, paramstyle: str) -> Statement:
        """The same with ``:name`` placeholders as the connector writes its own."""
        first = self.parameters[0] if self.many else self.parameters
        sql = neutral(self.sql, first, "pyformat")
        if sql is None or not isinstance(first, Mapping):
            return self
        if paramstyle == "pyformat":
            return replace(self, sql=sql)
        names: list[str] = []

        def mark(found: re.Match[str]) -> str:
            if found[1] is None:
                return "%"
            names.append(found[1])
            return "?" if paramstyle == "qmark" else f":{len(names)}"

        sql = _PYFORMAT.sub(mark, sql)
        if self.many:
            return replace(self, sql=sql, parameters=[[row[name] for name in names] for row in self.parameters])
        return replace(self, sql=sql, parameters=[first[name] for name in names])

    @property
    def is_reading(self) -> bool:
        """Whether it changes nothing, so that it may be run twice."""
        if self.many or self.is_several or bare(self.sql).partition(" ")[0].lower().rstrip(";(") not in _READS:
            return False
        return not _PROCEDURE.search(self.sql)  # `with p as procedure …` calls it

    @property
    def is_several(self) -> bool:
        """Whether it is more than one, of which the first words tell nothing; a block of Snowflake's scripting is."""
        return ";" in self.sql and ";" in _NO_CODE.sub("", self.sql).rstrip("; \t\r\n")

    @property
    def is_insert(self) -> bool:
        """Whether the connector makes one statement of many rows."""
        return bare(self.sql).lower().startswith("insert ")

    def transaction_after(self, before: bool) -> bool:
        """Whether a transaction that was asked for is open after this ran."""
        text = bare(self.sql)
        if _ENDS.match(text):
            return False
        return before or bool(_BEGINS.match(text) and not _BLOCK.match(text))

    @property
    def is_of_session(self) -> bool:
        """Whether it leaves the session another one than it was, as far as can be told."""
        if self.is_several:
            return True
        text = bare(self.sql)
        found = _OF_SESSION.match(text)
        return found is not None and not _BEGINS.match(text) and not _ENDS.match(text)

    def refuse_alone(self) -> None:
        """Statements whose effect is on a session are refused where none is kept.

        :raises SessionNeeded: it is one.
        """
        text = bare(self.sql)
        found = _OF_SESSION.match(text)
        if found is None or _BLOCK.match(text) or self.options.get("num_statements", 1) != 1:
            return
        raise SessionNeeded(
            f"The statement {found[0].upper()} … changes the session that it runs in, and each call has its own.",
            "Call it inside `with connector:` or `with connector.transaction():`, which keep one session, or set what "
            "it sets in the block.",
        )


def bare(sql: str) -> str:
    """From the first word on, with single spaces between the first ones."""
    text = _COMMENTS.sub("", sql).lstrip("( \t\r\n")
    return " ".join(text[:400].split())
