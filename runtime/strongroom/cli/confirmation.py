"""Asking before what cannot be undone: by the name of the thing, typed, not by a y."""

from __future__ import annotations

import click

from strongroom.cli.outcome import CommandError, Exit

yes_option = click.option("-y", "--yes", is_flag=True, help="Do not ask for confirmation.")


def confirm(name: str, *, to: str, done: str, consequence: str = "This cannot be undone.") -> None:
    """Have ``name`` typed on the terminal; refuse where there is none, or another name is typed.

    :param to: what is confirmed, such as ``"destroy"``, and ``done`` the same as ``"destroyed"``.
    """
    from strongroom.cli import fields

    if not fields.at_terminal():
        raise CommandError(f"Nothing confirms that {name} is to be {done}.", "Add --yes.", Exit.USAGE)
    if click.prompt(f"{consequence} Type {name} to {to} it", err=True) != name:
        raise CommandError(f"That is another name; nothing was {done}.", "", Exit.REFUSED)
