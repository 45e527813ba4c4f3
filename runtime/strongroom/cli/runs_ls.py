"""``strongroom runs ls``: which runs there are."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from strongroom.cli.moments import MOMENT
from strongroom.cli.outcome import CommandError, Exit
from strongroom.cli.output import Column, duration, listing, moment
from strongroom.cli.run_choice import LOST, journal
from strongroom.cli.run_report import run_shape
from strongroom.cli.run_tree import MARKS
from strongroom.cli.teaching import command, json_option

if TYPE_CHECKING:
    from strongroom.states import StateType

OTHER_NAMES = (
    "AwaitingRetry", "AwaitingConcurrencySlot", "Cached", "Late", "NotReady", "Resuming", "Retrying", "RolledBack",
    "Suspended", "TimedOut",
)  # fmt: skip
"""Names of states that are not those of their types."""

COLUMNS = [
    Column("id", "Id", show=lambda value: value[:8], style="cyan"),
    Column("flow", "Flow"),
    Column("name", "Name", fold=True),
    Column("state_name", "State"),
    Column("started", "Started"),
    Column("seconds", "Took", show=duration, right=True),
]


@command(
    "ls",
    examples="""
        strongroom runs ls
        strongroom runs ls --state failed --state timedout --since 2d
        strongroom runs ls --flow nightly --tag eu --until 2026-01-31
        strongroom runs ls --limit 50 --offset 50    # the next page
        strongroom runs ls --json | jq -r '.[].id'
    """,
)
@click.option("--state", "states", multiple=True, metavar="STATE", help="Only runs in this state; can be repeated.")
@click.option("--flow", metavar="NAME", help="Only runs of this flow.")
@click.option("--deployment", metavar="FLOW/NAME", help="Only runs of this deployment.")
@click.option("--tag", "tags", multiple=True, metavar="TAG", help="Only runs with this tag, and each of several.")
@click.option("--name", metavar="TEXT", help="Only runs with this in their name.")
@click.option("--since", type=MOMENT, help="Only runs from this time on: 2h, 2026-01-31, 2026-01-31T18:30.")
@click.option("--until", type=MOMENT, help="Only runs from before this time.")
@click.option("--subflows", is_flag=True, help="Show the runs of subflows too.")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1), help="How many, newest first.")
@click.option("--offset", default=0, type=click.IntRange(0), help="How many of the newest to leave out.")
@json_option
def ls(
    states: tuple[str, ...],
    flow: str | None,
    deployment: str | None,
    tags: tuple[str, ...],
    name: str | None,
    since: datetime | None,
    until: datetime | None,
    subflows: bool,
    limit: int,
    offset: int,
    as_json: bool,
) -> None:
    """List the runs of flows, newest first."""
    kinds, names = state_filters(states)
    found = journal().flow_runs(
        states=kinds, state_names=names, flow=flow, deployment=deployment, tags=tags, name=name,
        since=since, until=until, subflows=subflows, limit=limit, offset=offset,
    )  # fmt: skip
    asked = any((states, flow, deployment, tags, name, since, until, offset))
    empty = "No run fits." if asked else "No flow has run yet. Run one: strongroom run flow.py:my_flow"
    rows = [run_shape(run) for run in found]
    colours = {row["state_name"]: MARKS[row["state"]][1] for row in rows}
    if not as_json:
        for row in rows:
            row["state_name"] += LOST if row["lost"] else ""
            if row["started"] is None and row["expected_start"] is not None:
                row["started"] = f"due {moment(row['expected_start'])}"
    columns = [_coloured(column, colours) if column.key == "state_name" else column for column in COLUMNS]
    listing(rows, columns, as_json=as_json, empty=empty)


def _coloured(column: Column, colours: dict[str, str]) -> Column:
    return Column(column.key, column.title, style=lambda name: colours.get(name, "bold magenta"))


def state_filters(given: tuple[str, ...]) -> tuple[list[StateType] | None, list[str] | None]:
    """The types and the names of states that are meant by ``failed``, ``timedout``, ``Late``, or a name of one's own.

    A word in lower case that nobody knows is a mistake; any other one is taken for a name that a flow gave.
    """
    from strongroom.states import StateType

    kinds = {kind.value.lower(): kind for kind in StateType}
    names = {name.lower(): name for name in OTHER_NAMES}
    known: list[Any] = [kinds.get(word.lower()) or names.get(word.lower()) for word in given]
    for word, meant in zip(given, known, strict=True):
        if meant is None and word == word.lower():
            remedy = f"Use {', '.join([*kinds, *names])}; or write a name of your own as it was given."
            raise CommandError(f"There is no state {word!r:.80}.", remedy, Exit.USAGE)
    if not given:
        return None, None
    types = [meant for meant in known if isinstance(meant, StateType)]
    return types, [str(meant or word) for word, meant in zip(given, known, strict=True) if meant not in types]
