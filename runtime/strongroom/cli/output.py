"""What a command prints: a table for people, plain columns in a pipe, JSON for programs.

One list of dictionaries is behind all three, so that they cannot say different things. Texts come from stores and logs
that others write, so control characters are made visible before they reach a terminal.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import click

if TYPE_CHECKING:
    from rich.console import Console

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a listing: the key in each row, its title, how it is shown.

    ``style`` is a rich style, or a function from the value to one; ``right`` aligns numbers; ``fold`` marks the column
    that gives way on a narrow terminal.
    """

    key: str
    title: str
    show: Callable[[Any], str] | None = None
    style: str | Callable[[Any], str] = ""
    right: bool = False
    fold: bool = False

    def text(self, row: Mapping[str, Any]) -> str:
        value = row.get(self.key)
        shown = self.show(value) if self.show and value is not None else plain(value)
        return printable(shown)

    def style_of(self, row: Mapping[str, Any]) -> str:
        return self.style(row.get(self.key)) if callable(self.style) else self.style


def on_terminal() -> bool:
    """Whether somebody reads standard output on a terminal."""
    return sys.stdout.isatty()


def colour() -> bool | None:
    """Whether to write in colour: False where NO_COLOR says so, None for "where there is a terminal"."""
    return False if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb" else None


def console() -> Console:
    """A rich console on the current standard output, for terminals only."""
    from rich.console import Console

    return Console(file=sys.stdout, highlight=False, color_system=None if colour() is False else "auto")


def print_json(value: Any) -> None:
    """Print ``value`` as indented JSON: times as ISO 8601 in UTC, durations in seconds, everything else as it is."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False, default=_to_json))


def listing(rows: Sequence[Mapping[str, Any]], columns: Sequence[Column], *, as_json: bool, empty: str) -> None:
    """Print ``rows``; ``empty`` is told on standard error where there are none, so that a pipe stays empty."""
    if as_json:
        print_json([dict(row) for row in rows])
    elif not rows:
        click.echo(empty, err=True)
    elif on_terminal():
        _print_rich(rows, columns)
    else:
        _print_plain(rows, columns)


def facts(pairs: Iterable[tuple[str, str]], colours: Mapping[str, str] | None = None) -> None:
    """Print one ``name  value`` line for each value there is, aligned; ``colours`` are those of values, by name."""
    known = [(name, printable(value)) for name, value in pairs if value]
    width = max((len(name) for name, _ in known), default=0)
    for name, value in known:
        shown = click.style(value, fg=(colours or {}).get(name))
        click.echo(f"{click.style(f'{name:<{width}}', dim=True)}  {shown}")


def counted(number: int, one: str, many: str = "") -> str:
    """How many there are: ``1 block``, ``2,000 blocks``, ``2 entries``."""
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"


def paragraphs(text: str) -> str:
    """A text for people: on a terminal its paragraphs are as wide as that, up to 100 characters; what is indented, such
    as code, stays as it is."""
    if not on_terminal():
        return printable(text)
    width = min(shutil.get_terminal_size().columns, 100)
    return "\n\n".join(
        part if part.startswith(" ") else textwrap.fill(" ".join(part.split()), width)
        for part in printable(text).split("\n\n")
    )


def plain(value: Any) -> str:
    """A value as a person reads it in one line."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return moment(value)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        if set(value) == {"$block"}:
            return f"block {value['$block']}"
        return ", ".join(f"{key}={plain(item)}" for key, item in value.items())
    if isinstance(value, list | tuple | set | frozenset):
        return ", ".join(plain(item) for item in value)
    return str(value)


def moment(when: datetime | None) -> str:
    """A time in the reader's own zone, to the second."""
    return when.astimezone().strftime("%Y-%m-%d %H:%M:%S") if when else ""


def duration(seconds: float | None) -> str:
    """A duration in the unit that suits it: ``240 ms``, ``1.2 s``, ``3 min 4 s``, ``2 h 5 min``."""
    if seconds is None:
        return ""
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min"


def printable(text: str) -> str:
    """``text`` with control and direction characters made visible; tabs and newlines stay."""
    return _CONTROL.sub(lambda match: f"\\x{ord(match[0]):02x}", text)


def _to_json(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, set | frozenset):
        return sorted(value)
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, UUID):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no JSON form.")


def _print_plain(rows: Sequence[Mapping[str, Any]], columns: Sequence[Column]) -> None:
    lines = [[column.title.upper() for column in columns], *([c.text(row) for c in columns] for row in rows)]
    lines = [[cell.replace("\n", " ").replace("\t", " ") for cell in line] for line in lines]
    widths = [max(len(line[i]) for line in lines) for i in range(len(columns))]
    for line in lines:
        cells = [c.rjust(w) if col.right else c.ljust(w) for c, w, col in zip(line, widths, columns, strict=True)]
        click.echo("  ".join(cells).rstrip())


def _print_rich(rows: Sequence[Mapping[str, Any]], columns: Sequence[Column]) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for column in columns:
        table.add_column(
            column.title,
            justify="right" if column.right else "left",
            no_wrap=not column.fold,
            overflow="fold" if column.fold else "ellipsis",
        )
    for row in rows:
        table.add_row(*(Text(column.text(row), style=column.style_of(row)) for column in columns))
    console().print(table)
