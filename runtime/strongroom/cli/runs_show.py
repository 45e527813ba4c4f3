"""``strongroom runs show``: one run, whole."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from strongroom.cli.output import duration, facts, moment, print_json
from strongroom.cli.run_choice import LOST, journal, run_id_argument
from strongroom.cli.run_report import is_lost, run_shape
from strongroom.cli.run_tree import MARKS, draw, elapsed, grow
from strongroom.cli.teaching import command, json_option

if TYPE_CHECKING:
    from strongroom.journal import FlowRun


@command(
    "show",
    examples="""
        strongroom runs show 0197c1
        strongroom runs show 0197c1 --all       # every one of many mapped tasks
        strongroom runs show 0197c1 --json | jq '.tree.children[].state_name'
    """,
)
@run_id_argument
@click.option("--all", "every", is_flag=True, help="Draw every task run, however many there are.")
@json_option
def show(run_id: str, every: bool, as_json: bool) -> None:
    """Show a run: its state, its parameters, the blocks it loaded, and the tree of its task runs with their times."""
    history = journal()
    run = history.flow_run(run_id)
    tree = grow(history, run)
    if as_json:
        print_json({**run_shape(run), "tree": tree.to_json()})
        return
    facts(_facts(run), {"State": MARKS[run.state.type.value][1]})
    click.echo()
    click.echo("\n".join(draw(tree, every=every)))
    short = str(run.id)[:8]
    if is_lost(run):
        click.echo(f"\nIts process is gone. Go on where it stopped: strongroom runs resume {short}", err=True)
    elif run.state.is_final() and not run.state.is_completed():
        click.echo(f"\nIts log: strongroom runs logs {short}   Go on: strongroom runs resume {short}", err=True)


def _facts(run: FlowRun) -> list[tuple[str, str]]:
    parameters = json.dumps(run.parameters_shown, ensure_ascii=False, default=str) if run.parameters_shown else ""
    message = f": {run.state.message}" if run.state.message and not run.state.is_completed() else ""
    return [
        ("Run", f"{run.name}  {run.id}"),
        ("Flow", f"{run.flow_name}  {run.entrypoint or ''}".rstrip()),
        ("State", run.state.name + (LOST if is_lost(run) else message)),
        ("Started", f"{moment(run.start_time)}  took {duration(elapsed(run))}" if run.start_time else ""),
        ("Parameters", parameters),
        ("Blocks", ", ".join(run.blocks)),
        ("Tags", ", ".join(sorted(run.tags))),
    ]
