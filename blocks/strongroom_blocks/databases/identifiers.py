"""Names of tables and columns, written so that a statement may hold them."""

from __future__ import annotations

import re

from strongroom_blocks.errors import InvalidName

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*")
_PART = r'(?:[A-Za-z_][A-Za-z0-9_$]*|"(?:[^"\0]|"")+"|`[^`\0]+`)'
_TABLE = re.compile(rf"{_PART}(?:\.{_PART}){{0,2}}")
_RESERVED = frozenset(
    """
    all and any array as asc between both by case cast check collate column constraint create cross current default
    delete desc distinct do drop else end except exists false fetch for foreign from full grant group having in inner
    insert intersect into is join leading left like limit natural not null offset on only or order outer primary
    references right row rows select set table then to trailing true union unique update user using values when where
    window with
    """.split()  # noqa: SIM905
)


def table_name(name: str) -> str:
    """A table as a statement names it: ``customers``, ``sales.customers``, ``"Odd Name"`` with its quotes.

    :raises InvalidName: it is no name, or more than one.
    """
    if not isinstance(name, str) or not _TABLE.fullmatch(name):
        raise InvalidName(f"{name!r:.80} names no table.", 'Write schema.table; an odd name in quotes: "Odd Name"')
    return name


def column_name(name: str) -> str:
    """A column as a statement names it: in quotes where it is no plain name, so that plain ones keep no case."""
    if _PLAIN.fullmatch(name) and name.lower() not in _RESERVED:
        return name
    if not name or "\0" in name:
        raise InvalidName("A column has no name.", "Give it one in the query: select … as name")
    return '"' + name.replace('"', '""') + '"'
