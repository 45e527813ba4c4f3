"""``strongroom runs cancel``: end runs from outside."""

from __future__ import annotations

import click

from strongroom.cli.completion import run_ids
from strongroom.cli.output import print_json
from strongroom.cli.run_choice import RUN_ID, journal
from strongroom.cli.run_report import run_shape
from strongroom.cli.teaching import command, json_option


@command(
    "cancel",
    examples="""
        strongroom runs cancel 0197c1
        strongroom runs cancel 0197c1 && strongroom runs logs -f 0197c1
        strongroom runs cancel 0197c1 0197c4
    """,
)
@click.argument("ids", metavar="ID…", nargs=-1, type=RUN_ID, required=True, shell_complete=run_ids)
@json_option
def cancel(ids: tuple[str, ...], as_json: bool) -> None:
    """End runs that go on, wait or are scheduled: their code is interrupted and cleans up. Asked twice, at once."""
    from strongroom.cancellation import cancel_flow_run

    history = journal()
    shapes = []
    for run in [history.flow_run(run_id) for run_id in ids]:
        state = cancel_flow_run(run.id)
        shapes.append({**run_shape(history.flow_run(str(run.id))), "asked": state.name})
        if not as_json:
            told = "is cancelled" if state.is_final() else "is asked to end"
            click.echo(f"{run.flow_name} {run.name} {told}.  (run {str(run.id)[:8]})")
    if as_json:
        print_json(shapes)
