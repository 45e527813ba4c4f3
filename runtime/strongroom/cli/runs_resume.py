"""``strongroom runs resume``: go on with a run."""

from __future__ import annotations

from strongroom.cli.run_choice import journal, run_id_argument
from strongroom.cli.run_report import report
from strongroom.cli.teaching import command, json_option


@command(
    "resume",
    examples="""
        strongroom runs resume 0197c1
    """,
)
@run_id_argument
@json_option
def resume(run_id: str, as_json: bool) -> None:
    """Go on with a run that failed or was killed. What completed before is not run again."""
    from strongroom.resume import resume as resume_run

    history = journal()
    run = history.flow_run(run_id)
    resume_run(str(run.id))
    report(history.flow_run(str(run.id)), as_json=as_json)
