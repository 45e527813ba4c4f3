"""Names of blocks as people type them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from strongroom.cli.completion import block_names
from strongroom.cli.outcome import CommandError, Exit

if TYPE_CHECKING:
    from strongroom_registry.document import Reference

name_argument = click.argument("name", metavar="NAME", shell_complete=block_names)


def parse(text: str) -> Reference:
    """A reference as typed."""
    from strongroom_registry.document import Reference

    return Reference.parse(text)


def bare(text: str) -> str:
    """A name as typed, where a version makes no sense."""
    reference = parse(text)
    if reference.version is not None or reference.label is not None:
        raise CommandError(f"{text} names a version.", f"Write {reference.name}", Exit.USAGE)
    return reference.name
