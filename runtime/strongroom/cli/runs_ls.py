"""``strongroom runs ls``: which runs there are."""

from __future__ import annotations

from typing import Any

import click

from strongroom.cli.outcome import CommandError, Exit
from strongroom.cli.output import Column, duration, listing
from strongroom.cli.run_choice import LOST, journal
from strongroom.cli.run_report import run_shape
from strongroom.cli.teaching import command, json_option

_STYLES = {
    "Completed": "green",
    "Cached": "green",
    "Failed": "red",
    "TimedOut": "red",
    "Crashed": "magenta",
    "Running": "cyan",
}


def _state_style(name: str) -> str:
    return _STYLES.get(name, "")


COLUMNS = [
    Column("id", "Id", show=lambda value: value[:8], style="cyan"),
    Column("flow", "Flow"),
    Column("name", "Name", fold=True),
    Column("state_name", "State", style=_state_style),
    Column("started", "Started"),
    Column("seconds", "Took", show=duration, right=True),
]


@command(
    "ls",
    examples="""
        strongroom runs ls
        strongroom runs ls --state failed --flow nightly
        strongroom runs ls --json | jq -r '.[].id'
    """,
)
@click.option("--state", "states", multiple=True, metavar="STATE", help="Only runs in this state; can be repeated.")
@click.option("--flow", metavar="NAME", help="Only runs of this flow.")
@click.option("--subflows", is_flag=True, help="Show the runs of subflows too.")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1), help="How many, newest first.")
@json_option
def ls(states: tuple[str, ...], flow: str | None, subflows: bool, limit: int, as_json: bool) -> None:
    """List the runs of flows, newest first."""
    found = journal().flow_runs(states=_types(states), flow=flow, subflows=subflows, limit=limit)
    empty = "No run fits." if states or flow else "No flow has run yet. Run one: strongroom run flow.py:my_flow"
    rows = [run_shape(run) for run in found]
    if not as_json:
        for row in rows:
            row["state_name"] += LOST if row["lost"] else ""
    listing(rows, COLUMNS, as_json=as_json, empty=empty)


def _types(names: tuple[str, ...]) -> list[Any] | None:
    from strongroom.states import StateType

    known = {type_.value.lower(): type_ for type_ in StateType}
    for name in names:
        if name.lower() not in known:
            raise CommandError(f"There is no state {name!r:.80}.", f"Use {', '.join(known)}.", Exit.USAGE)
    return [known[name.lower()] for name in names] or None
