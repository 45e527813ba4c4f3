"""``strongroom runs``: the group. One command, one file: ``runs_<command>.py``."""

from __future__ import annotations

from strongroom.cli import (
    runs_cancel,
    runs_execute,
    runs_graph,
    runs_logs,
    runs_ls,
    runs_metrics,
    runs_replay,
    runs_resume,
    runs_rm,
    runs_show,
)
from strongroom.cli.teaching import group


@group(
    "runs",
    aliases={"list": "ls", "inspect": "show", "log": "logs", "delete": "rm", "remove": "rm"},
    examples="""
        strongroom runs ls
        strongroom runs show 0197c1     # the first characters of an id, or: last
        strongroom runs logs -f 0197c1
        strongroom runs graph 0197c1    # what waited for what, and when it ran
        strongroom runs resume 0197c1
        strongroom runs replay 0197c1 --from transform
        strongroom runs cancel 0197c1
    """,
)
def runs() -> None:
    """See, follow, resume, replay, end and remove runs."""


for _command in (
    runs_ls.ls,
    runs_show.show,
    runs_logs.logs,
    runs_graph.graph,
    runs_resume.resume,
    runs_replay.replay,
    runs_replay.retry,
    runs_cancel.cancel,
    runs_rm.rm,
    runs_metrics.metrics,
    runs_execute.execute,
):
    runs.add_command(_command)
