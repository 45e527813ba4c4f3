"""``strongroom runs replay`` and ``strongroom runs retry``: run again, all of it or what failed."""

from __future__ import annotations

import click

from strongroom.cli.outcome import CommandError, Exit
from strongroom.cli.run_choice import journal, run_id_argument
from strongroom.cli.run_report import report
from strongroom.cli.teaching import command, json_option


@command(
    "replay",
    examples="""
        strongroom runs replay 0197c1
        strongroom runs replay 0197c1 --from transform   # only from there on
        strongroom runs replay 0197c1 --from load-3 --json
    """,
)
@run_id_argument
@click.option("--from", "from_task", metavar="TASK", help="Run from the first run of this task on, or from this one.")
@json_option
def replay(run_id: str, from_task: str | None, as_json: bool) -> None:
    """Run a finished run again: a new run, with the same parameters and the same versions of blocks."""
    from strongroom.live import showing
    from strongroom.replay import plan_replay

    planned = plan_replay(run_id, from_task)
    with showing():
        planned.carry_out()
    report(journal().flow_run(str(planned.id)), as_json=as_json)


@command(
    "retry",
    examples="""
        strongroom runs retry 0197c1
        strongroom runs ls --state failed --json | jq -r '.[0].id' \\
          | xargs strongroom runs retry
    """,
)
@run_id_argument
@json_option
def retry(run_id: str, as_json: bool) -> None:
    """Run again what failed in a run, was cancelled or was killed. What completed before is not run again."""
    from strongroom.live import showing
    from strongroom.resume import resume

    history = journal()
    run = history.flow_run(run_id)
    short = str(run.id)[:8]
    if run.state.is_paused():
        raise CommandError(
            f"The run {run.name!r} is {run.state.name}, and did not fail.",
            f"Go on with it: strongroom runs resume {short}",
            Exit.USAGE,
        )
    if run.state.is_completed():
        raise CommandError(
            f"The run {run.name!r} completed; nothing in it failed.",
            f"Run it again: strongroom runs replay {short}",
            Exit.USAGE,
        )
    with showing():
        resume(str(run.id))
    report(history.flow_run(str(run.id)), as_json=as_json)
