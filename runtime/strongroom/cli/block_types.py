"""``strongroom block types``: which types of blocks there are, and what each is made of."""

from __future__ import annotations

from typing import Any

import click

from strongroom.cli.completion import type_slugs
from strongroom.cli.output import Column, facts, listing, paragraphs, print_json
from strongroom.cli.teaching import command, json_option

FIELDS = [
    Column("field", "Field", style="bold"),
    Column("type", "Type", fold=True),
    Column("secret", "", show=lambda secret: "secret" if secret else "", style="yellow"),
    Column("default", "Default", fold=True),
    Column("description", "Meaning", fold=True),
]


@command(
    "types",
    examples="""
        strongroom block types
        strongroom block types aws-credentials    # fields, capabilities, an example
        strongroom block types --json | jq -r '.[] | select(.installed).slug'
    """,
)
@click.argument("slug", required=False, shell_complete=type_slugs)
@json_option
def types(slug: str | None, as_json: bool) -> None:
    """List the types of blocks, or tell of one: its fields, what it can do, an example.

    Reads what packages declare, and imports none of the libraries that they work with.
    """
    from strongroom_blocks import catalog

    from strongroom.cli.type_sheet import type_row, type_sheet
    from strongroom.collections import collections

    if slug is not None:
        sheet = type_sheet(catalog.find(slug), collections())
        if as_json:
            print_json(sheet)
        else:
            _show(sheet)
        return
    catalog.import_named()
    installed = collections()
    internal = {package for found in installed for package in found.packages}
    cards = [card for card in catalog.types() if card.package or card.module.partition(".")[0] not in internal]
    list_types([type_row(card, installed) for card in cards], as_json)


def list_types(rows: list[dict[str, Any]], as_json: bool) -> None:
    """Print types as a listing; the collection is told where there are several."""
    columns = [Column("slug", "Type", style="bold"), Column("summary", "What it is", fold=True)]
    columns += [Column("collection", "Collection")] if len({row["collection"] for row in rows}) > 1 else []
    columns += [Column("state", "In the way", style="yellow", fold=True)] if any(map(_state, rows)) else []
    shown = rows if as_json else [row | {"state": _state(row)} for row in rows]
    listing(shown, columns, as_json=as_json, empty="No type is installed.")


def _state(row: dict[str, Any]) -> str:
    """What is in the way of using a type."""
    return row["problem"] or (f"Run: {row['install']}" if row["missing"] else "")


def _show(sheet: dict[str, Any]) -> None:
    from strongroom.cli.type_sheet import prose, with_required

    click.echo(f"{click.style(sheet['slug'], bold=True)}  {sheet['title']}")
    if sheet["description"]:
        click.echo(f"\n{paragraphs(prose(sheet['description']))}")
    click.echo()
    facts(
        [
            ("Class", sheet["class"]),
            ("Collection", sheet["collection"] or ""),
            ("Extra", _extra(sheet)),
        ]
    )
    if sheet["capabilities"]:
        click.echo("\n" + paragraphs(f"Can be used as: {', '.join(sheet['capabilities'])}"))
    click.echo()
    listing(with_required(sheet["fields"]), FIELDS, as_json=False, empty="It has no field.")
    if sheet["code"]:
        click.echo(f"\n{click.style('Example', bold=True)}\n")
        click.echo("\n".join(f"  {line}".rstrip() for line in sheet["code"].rstrip().splitlines()))
    click.echo(f"\nCreate one: strongroom block new {sheet['slug']} NAME", err=True)


def _extra(sheet: dict[str, Any]) -> str:
    if sheet["missing"]:
        return f"{', '.join(sheet['missing'])} not installed. Run: {sheet['install']}"
    return f"{sheet['extra']}, installed" if sheet["extra"] else ""
