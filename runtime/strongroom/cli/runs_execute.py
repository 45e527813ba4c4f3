"""``strongroom runs execute``: carry out a run of a deployment, as its own process does."""

from __future__ import annotations

import click

from strongroom.cli.outcome import CommandError, Exit
from strongroom.cli.run_report import report
from strongroom.cli.teaching import command, json_option


@command(
    "execute",
    examples="""
        strongroom runs execute 0197c1f4-3c1a-7c7e-9b1f-3a1de2a40d11
    """,
)
@click.argument("run_id", metavar="RUN")
@json_option
def execute(run_id: str, as_json: bool) -> None:
    """Carry out a run of a deployment that waits, in this process, before whoever serves it takes it.

    What `serve` and workers start for each run. The exit code is 0 where the run completed and 1 where not.
    """
    from uuid import UUID

    from strongroom.journal import current_journal
    from strongroom.runner.execution import execute as execute_run

    try:
        id_ = UUID(run_id)
    except ValueError:
        raise CommandError(f"{run_id!r:.80} is no id of a run.", "Give the whole id.", Exit.USAGE) from None
    execute_run(id_)
    report(current_journal().flow_run(str(id_)), as_json=as_json)
