"""``strongroom collection``: what packages bring along, and how to write such a package."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from strongroom.cli.collection_new import new
from strongroom.cli.completion import collection_names
from strongroom.cli.outcome import CommandError, Exit
from strongroom.cli.output import Column, facts, listing, paragraphs, print_json, printable
from strongroom.cli.teaching import command, group, json_option, no_such

if TYPE_CHECKING:
    from strongroom.collections import Collection

PARAMETERS = [
    Column("parameter", "Parameter", style="bold"),
    Column("type", "Type", fold=True),
    Column("default", "Default", fold=True),
    Column("description", "Meaning", fold=True),
]


@group(
    "collection",
    aliases={"list": "ls", "inspect": "show", "create": "new"},
    examples="""
        strongroom collection ls                     # which are installed
        strongroom collection show aws               # its blocks and tasks
        strongroom collection new acme               # a package of your own
    """,
)
def collection() -> None:
    """See which blocks and tasks packages bring along.

    Nothing that a collection works with is imported for it: neither boto3 nor any other SDK.
    """


@command(
    "ls",
    examples="""
        strongroom collection ls
        strongroom collection ls --json | jq -r '.[] | select(.installed).name'
    """,
)
@json_option
def ls(as_json: bool) -> None:
    """List the collections that are installed."""
    from strongroom.collections import collections

    found = collections()
    if as_json:
        print_json([collection_row(one) for one in found])
        return
    columns = [
        Column("name", "Name", style="bold"),
        Column("purpose", "What it is for", fold=True),
        Column("blocks", "Blocks", right=True),
        Column("state", "", style="yellow", fold=True),
    ]
    rows = [
        {
            "name": one.name,
            "purpose": one.card.purpose,
            "blocks": len(one.block_types),
            "state": one.problem or ("" if not one.missing(one.card.extra) else f"needs {one.card.extra or 'more'}"),
        }
        for one in found
    ]
    listing(rows, columns, as_json=False, empty="No collection is installed.")


@command(
    "show",
    examples="""
        strongroom collection show aws
        strongroom collection show aws download_from_bucket   # a task: its parameters
        strongroom collection show aws --json
    """,
)
@click.argument("name", shell_complete=collection_names)
@click.argument("task", required=False)
@json_option
def show(name: str, task: str | None, as_json: bool) -> None:
    """Show a collection: its blocks and tasks, and what else it brings along; or one of its tasks.

    A block type is shown by strongroom block types.
    """
    from strongroom.collections import collection as find

    one = find(name)
    sheets = _tasks(one)
    if task is not None:
        wanted = next((sheet for sheet in sheets if task in (sheet["name"], sheet["twin"])), None)
        if wanted is None:
            known, where = [sheet["name"] for sheet in sheets], f"strongroom collection show {name}"
            raise CommandError(no_such("task", task, known, where), code=Exit.NOT_FOUND)
        _show_task(wanted, as_json)
        return
    rows = _types(one)
    if as_json:
        print_json({**collection_row(one), "types": rows, "tasks": sheets})
        return
    _show_collection(one, rows, sheets)


def collection_row(one: Collection) -> dict[str, Any]:
    """A collection in a listing, as ``strongroom collection ls --json`` documents it."""
    card = one.card
    missing = one.missing(card.extra)
    return {
        "name": one.name,
        "title": card.title,
        "purpose": card.purpose,
        "distribution": one.distribution,
        "version": one.version,
        "packages": list(one.packages),
        "extra": card.extra,
        "installed": not missing and one.problem is None,
        "missing": list(missing),
        "block_types": list(one.block_types),
        "task_modules": list(card.task_modules),
        "key_providers": list(one.key_providers),
        "secret_sources": list(one.secret_sources),
        "importers": list(one.importers),
        "docs": card.docs,
        "problem": one.problem,
    }


def _types(one: Collection) -> list[dict[str, Any]]:
    from strongroom_blocks import catalog

    from strongroom.cli.type_sheet import type_row

    return [type_row(catalog.find(slug), [one]) for slug in one.block_types]


def _tasks(one: Collection) -> list[dict[str, Any]]:
    from strongroom.cli.task_sheet import task_sheet
    from strongroom.collections.found_task import tasks_of

    try:
        return [task_sheet(task) for task in tasks_of(one)]
    except ImportError as error:
        raise CommandError(
            f"The tasks of {one.name} cannot be loaded: {error}.",
            f"Correct task_modules of its card, or install {one.distribution} again.",
        ) from None


def _show_collection(one: Collection, types: list[dict[str, Any]], tasks: list[dict[str, Any]]) -> None:
    from strongroom.cli.block_types import list_types

    card, missing = one.card, one.missing(one.card.extra)
    click.echo(f"{click.style(one.name, bold=True)}  {card.title}")
    click.echo(f"\n{paragraphs(card.purpose)}\n" if card.purpose else "")
    if one.problem:
        click.echo(f"Its card cannot be had: {printable(one.problem)}\n", err=True)
    extra = f"{card.extra}, installed" if card.extra else ""
    facts(
        [
            ("Distribution", f"{one.distribution or 'unknown'} {one.version or ''}".strip()),
            ("Extra", f"{', '.join(missing)} not installed. Run: {one.installation(card.extra)}" if missing else extra),
            ("Packages", ", ".join(one.packages)),
            ("Keys", ", ".join(f"{scheme}:" for scheme in one.key_providers)),
            ("Secret sources", ", ".join(f"{scheme}:" for scheme in one.secret_sources)),
            ("Importers", ", ".join(one.importers)),
            ("Documentation", card.docs),
        ]
    )
    if types:
        click.echo(f"\n{click.style('Blocks', bold=True)}\n")
        list_types(types, as_json=False)
    for module in dict.fromkeys(task["module"] for task in tasks):
        click.echo(f"\n{click.style('Tasks', bold=True)} in {module}\n")
        columns = [Column("name", "Task", style="bold"), Column("summary", "What it does", fold=True)]
        listing([row for row in tasks if row["module"] == module], columns, as_json=False, empty="")
    if any(task["twin"] for task in tasks):
        click.echo("\nA task has an asynchronous twin of its name with an a before it.", err=True)


def _show_task(sheet: dict[str, Any], as_json: bool) -> None:
    from strongroom.cli.type_sheet import prose, with_required

    if as_json:
        print_json(sheet)
        return
    click.echo(f"{click.style(sheet['name'], bold=True)} -> {sheet['returns'] or 'nothing said'}\n")
    click.echo(f"{paragraphs(prose(sheet['description']))}\n")
    names = [sheet["name"], *([sheet["twin"]] if sheet["twin"] else [])]
    facts([("Import", f"from {sheet['module']} import {', '.join(names)}")])
    click.echo()
    listing(with_required(sheet["parameters"]), PARAMETERS, as_json=False, empty="It takes no parameter.")


for _command in (ls, show, new):
    collection.add_command(_command)
