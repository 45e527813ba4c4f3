"""Which run a command is about: the argument that names it, and the journal that has it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from strongroom.cli.completion import run_ids
from strongroom.cli.outcome import CommandError, Exit

if TYPE_CHECKING:
    from strongroom.journal import Journal

LOST = ", lost"

LAST = "last"


class RunId(click.ParamType[str]):
    """The id of a run, or its first characters; ``last`` is the run that began last."""

    name = "run id"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if value != LAST:
            return value
        newest = journal().flow_runs(limit=1)
        if not newest:
            raise CommandError("No flow has run yet.", "Run one: strongroom run flow.py:my_flow", Exit.NOT_FOUND)
        return str(newest[0].id)


RUN_ID = RunId()
run_id_argument = click.argument("run_id", metavar="ID", type=RUN_ID, shell_complete=run_ids)


def journal() -> Journal:
    """The journal in use."""
    from strongroom.journal import current_journal

    return current_journal()
