"""``strongroom collection new``: write a collection as a distribution of its own."""

from __future__ import annotations

from pathlib import Path

import click

from strongroom.cli.output import counted, print_json
from strongroom.cli.teaching import command, json_option


@command(
    "new",
    examples="""
        strongroom collection new acme                       # ./strongroom-acme
        strongroom collection new acme --path ~/work --title "Acme CRM"
        strongroom collection new acme --package acme_strongroom
    """,
)
@click.argument("name")
@click.option(
    "--path",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(),
    metavar="DIR",
    help="The folder to make its own folder in; by default the current one.",
)
@click.option("--package", help="What Python imports; by default strongroom_NAME.")
@click.option("--title", help="What people call it; by default made from NAME.")
@json_option
def new(name: str, path: Path, package: str | None, title: str | None, as_json: bool) -> None:
    """Write a collection named NAME: a distribution of its own, whose tests pass at once.

    It holds a block of credentials with a check, a block of a resource, tasks with asynchronous twins, errors, and
    tests against a server of its own. It asks an HTTP interface; make it ask yours.
    """
    from strongroom.collections.scaffold import Scaffold

    scaffold = Scaffold.of(name, package, title)
    folder = path.expanduser() / scaffold.distribution
    written = scaffold.write(folder)
    if as_json:
        shape = {"name": name, "package": scaffold.package, "folder": str(folder)}
        print_json({**shape, "files": [str(file.relative_to(folder)) for file in written]})
        return
    click.echo(f"Wrote {folder} ({counted(len(written), 'file')}).")
    click.echo(f"Next: cd {folder} && pip install -e . && pytest", err=True)
