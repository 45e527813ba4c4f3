"""An artifact as text: drawn on a terminal, plain in a pipe."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from strongroom.cli.output import Column, console, listing, on_terminal, plain, printable

if TYPE_CHECKING:
    from strongroom.artifacts import Artifact

BAR_WIDTH = 40


def show(artifact: Artifact) -> None:
    """Print the content of an artifact, below its description."""
    if artifact.description:
        _markdown(artifact.description)
        click.echo()
    if artifact.type == "table":
        _table(artifact.data)
    elif artifact.type == "progress" and isinstance(artifact.data, int | float):
        click.echo(bar(artifact.data))
    elif artifact.type == "markdown" and isinstance(artifact.data, str):
        _markdown(artifact.data)
    else:
        click.echo(printable(artifact.data if isinstance(artifact.data, str) else json.dumps(artifact.data, indent=2)))


def bar(percentage: float) -> str:
    """A progress as a bar."""
    done = round(BAR_WIDTH * percentage / 100)
    return f"{'█' * done}{'░' * (BAR_WIDTH - done)} {percentage:g} %"


def rows_of(data: Any) -> list[dict[str, Any]]:
    """The rows of a table artifact by the names of their columns; those of a list of lists are numbered."""
    table = json.loads(data) if isinstance(data, str) else data
    if isinstance(table, Mapping):
        columns = {str(name): cells if isinstance(cells, list) else [cells] for name, cells in table.items()}
        length = max(map(len, columns.values()), default=0)
        return [{name: cells[i] if i < len(cells) else None for name, cells in columns.items()} for i in range(length)]
    rows = table if isinstance(table, list) else [table]
    return [
        {str(name): cell for name, cell in row.items()}
        if isinstance(row, Mapping)
        else {str(number): cell for number, cell in enumerate(row if isinstance(row, list) else [row], start=1)}
        for row in rows
    ]


def _table(data: Any) -> None:
    rows = rows_of(data)
    names = list(dict.fromkeys(name for row in rows for name in row))
    numeric = {name for name in names if all(isinstance(row.get(name), int | float | None) for row in rows)}
    columns = [Column(name, printable(name), show=plain, right=name in numeric, fold=True) for name in names]
    listing(rows, columns, as_json=False, empty="The table has no rows.")


def _markdown(text: str) -> None:
    if not on_terminal():
        click.echo(printable(text))
        return
    from rich.markdown import Markdown

    console().print(Markdown(printable(text)))
