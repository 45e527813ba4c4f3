"""Which run a command is about: the argument that names it, and the journal that has it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from strongroom.cli.completion import run_ids

if TYPE_CHECKING:
    from strongroom.journal import Journal

LOST = ", lost"

run_id_argument = click.argument("run_id", metavar="ID", shell_complete=run_ids)


def journal() -> Journal:
    """The journal in use."""
    from strongroom.journal import current_journal

    return current_journal()
