"""One way to write placeholders for every database: ``:name``, with a mapping of parameters.

A statement without any is the driver's business, placeholders of its own included, so that nothing that works with the
driver alone stops working. The values are bound by the driver in either case.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import chain
from typing import Any, Literal

Style = Literal["pyformat", "dollar", "text"]
"""``%(name)s`` of psycopg and Snowflake, ``$name`` of DuckDB, ``:name`` in SQLAlchemy's ``text``."""

_TOKEN = re.compile(
    r"""
      (?P<quoted>
          \b[eE]'(?:[^'\\]|''|\\.)*'            # 'it\'s' with escapes, as PostgreSQL has it
        | '(?:[^']|'')*' | "(?:[^"]|"")*" | `[^`]*`
        | --[^\n]* | /\*.*?\*/
        | \$(?P<tag>[A-Za-z_]\w*|)\$.*?\$(?P=tag)\$
      )
    | ::                                        # a cast
    | (?<![\w"\])}]):(?P<name>[A-Za-z_]\w*)     # what follows a name is a path or a slice: v:field, a[1:n]
    """,
    re.VERBOSE | re.DOTALL,
)


def neutral(sql: str, parameters: Any, style: Style) -> str | None:
    """The statement with its ``:name`` placeholders as a driver writes them; None where it has none.

    :param parameters: a mapping; whatever is no key of it is no placeholder.
    """
    return _rewritten(sql, frozenset(map(str, parameters)), style) if isinstance(parameters, Mapping) else None


def peeked(rows: Iterable[Any]) -> tuple[Any, Iterator[Any]]:
    """The first row, None where there is none, and all rows."""
    rest = iter(rows)
    first = next(rest, None)
    return first, iter(()) if first is None else chain([first], rest)


def insertion(table: str, columns: Sequence[str]) -> tuple[str, list[str]]:
    """A statement that inserts a row, with neutral placeholders, and their names in the order of the columns."""
    names = [f"p{number}" for number in range(len(columns))]
    marks = ", ".join(f":{name}" for name in names)
    return f"insert into {table} ({', '.join(columns)}) values ({marks})", names  # noqa: S608


@lru_cache(maxsize=512)
def _rewritten(sql: str, names: frozenset[str], style: Style) -> str | None:
    parts: list[str] = []
    found, at = False, 0
    for token in _TOKEN.finditer(sql):
        if token["name"] not in names:
            continue
        found = True
        parts += [_literal(sql[at : token.start()], style), _placeholder(token["name"], style)]
        at = token.end()
    return "".join([*parts, _literal(sql[at:], style)]) if found else None


def _placeholder(name: str, style: Style) -> str:
    return {"pyformat": f"%({name})s", "dollar": f"${name}", "text": f":{name}"}[style]


def _literal(sql: str, style: Style) -> str:
    """A part that holds no placeholder, so written that the driver finds none in it either."""
    if style == "pyformat":
        return sql.replace("%", "%%")
    return sql.replace(":", r"\:") if style == "text" else sql
