"""``strongroom runs resume``: go on with a run."""

from __future__ import annotations

import click

from strongroom.cli.outcome import CommandError, Exit
from strongroom.cli.run_choice import journal, run_id_argument
from strongroom.cli.run_report import report, run_shape
from strongroom.cli.teaching import command, json_option


@command(
    "resume",
    examples="""
        strongroom runs resume 0197c1
        strongroom runs resume 0197c1 --input approved=true --input name=Ada
    """,
)
@run_id_argument
@click.option(
    "--input", "inputs", multiple=True, metavar="NAME=VALUE",
    help="What the run waits for, as JSON or plain text; NAME=- reads stdin. Asked for on a terminal.",
)  # fmt: skip
@json_option
def resume(run_id: str, inputs: tuple[str, ...], as_json: bool) -> None:
    """Go on with a run that is paused, that failed, or was killed. What completed before is not run again."""
    from strongroom.cli.answer_prompts import answer
    from strongroom.cli.output import print_json
    from strongroom.input.answering import question_of
    from strongroom.live import showing
    from strongroom.liveness import is_alive
    from strongroom.resume import resume as resume_run

    history = journal()
    run = history.flow_run(run_id)
    question = question_of(run) if run.state.is_paused() else None
    if inputs and question is None:
        raise CommandError(f"The run {run.name!r} waits for no input.", "Leave --input out.", Exit.USAGE)
    elsewhere = run.state.is_paused() and is_alive(run)
    given = None if question is None else answer(question, inputs)
    with showing():
        state = resume_run(str(run.id), given)
    after = history.flow_run(str(run.id))
    if not elsewhere and not state.is_scheduled():
        report(after, as_json=as_json)
    elif as_json:
        print_json(run_shape(after))
    elif elsewhere:
        click.echo(f"The run {run.name} goes on, in the process {run.pid} on {run.host}.")
    else:
        click.echo(f"The run {run.name} goes on when whatever serves {run.deployment} takes it.")
