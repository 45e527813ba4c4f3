"""``strongroom runs rm``: remove runs from the history."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import click

from strongroom.cli.completion import run_ids
from strongroom.cli.confirmation import confirm, yes_option
from strongroom.cli.moments import MOMENT
from strongroom.cli.outcome import CommandError, Exit
from strongroom.cli.output import counted, print_json
from strongroom.cli.run_choice import RUN_ID, journal
from strongroom.cli.runs_ls import state_filters
from strongroom.cli.teaching import command, json_option

if TYPE_CHECKING:
    from strongroom.journal import FlowRun

MOST = 1_000_000


@command(
    "rm",
    examples="""
        strongroom runs rm 0197c1
        strongroom runs rm --flow nightly --until 90d     # all that are older
        strongroom runs rm --state failed --state cancelled --yes
    """,
)
@click.argument("ids", metavar="[ID…]", nargs=-1, type=RUN_ID, shell_complete=run_ids)
@click.option("--state", "states", multiple=True, metavar="STATE", help="Runs in this state; can be repeated.")
@click.option("--flow", metavar="NAME", help="Runs of this flow.")
@click.option("--deployment", metavar="FLOW/NAME", help="Runs of this deployment.")
@click.option("--tag", "tags", multiple=True, metavar="TAG", help="Runs with this tag, and each of several.")
@click.option("--until", type=MOMENT, help="Runs from before this time: 90d, 2026-01-31.")
@yes_option
@json_option
def rm(
    ids: tuple[str, ...],
    states: tuple[str, ...],
    flow: str | None,
    deployment: str | None,
    tags: tuple[str, ...],
    until: datetime | None,
    yes: bool,
    as_json: bool,
) -> None:
    """Remove runs that are over, with their tasks, subflows, logs, and what was kept to resume them."""
    from strongroom.retention import remove_runs

    filters = any((states, flow, deployment, tags, until))
    if bool(ids) == filters:
        raise CommandError("Which runs?", "Name them by their ids, or say what they are, but not both.", Exit.USAGE)
    history = journal()
    if ids:
        found = [history.flow_run(run_id) for run_id in ids]
    else:
        kinds, names = state_filters(states)
        found = history.flow_runs(
            states=kinds, state_names=names, flow=flow, deployment=deployment, tags=tags, until=until, limit=MOST
        )
        found = [run for run in found if _is_over(run)]
    if found and not yes:
        what = found[0].name if len(found) == 1 else counted(len(found), "run")
        confirm(what, to="remove", done="removed")
    gone = remove_runs(history, [run.id for run in found])
    if as_json:
        print_json([str(run_id) for run_id in gone])
    else:
        below = f", with {counted(len(gone) - len(found), 'run')} of subflows" if len(gone) > len(found) else ""
        click.echo(f"Removed {counted(len(found), 'run')}{below}.")


def _is_over(run: FlowRun) -> bool:
    """Whether nothing works on a run any more: those that go on are left out of what filters find."""
    from strongroom.liveness import is_alive

    return run.state.is_final() or (run.start_time is not None and not is_alive(run) and not run.state.is_paused())
