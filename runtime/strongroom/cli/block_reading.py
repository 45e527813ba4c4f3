"""The commands of ``strongroom block`` that only read, and ``strongroom labels``."""

from __future__ import annotations

import json
import sys
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import click

from strongroom.cli.completion import block_names, type_slugs
from strongroom.cli.difference import COLOURS, STARS
from strongroom.cli.outcome import CommandError, Exit
from strongroom.cli.output import Column, facts, listing, moment, plain, print_json, printable
from strongroom.cli.references import bare, name_argument, parse
from strongroom.cli.session import opened_registry
from strongroom.cli.teaching import command, json_option

if TYPE_CHECKING:
    from strongroom_blocks import Block
    from strongroom_registry.document import Head, Reference, Version
    from strongroom_registry.registry import Registry

_STATE_STYLES = {"live": "green", "deleted": "yellow", "destroyed": "red", "quarantined": "bold red"}


def _state_style(state: str) -> str:
    return _STATE_STYLES.get(state, "")


def head_shape(head: Head) -> dict[str, Any]:
    """A block in a listing, as ``strongroom block ls --json`` documents it."""
    return {
        "name": head.name,
        "type": head.type,
        "version": head.current,
        "state": head.state.value,
        "labels": dict(head.labels),
        "updated": head.updated_at,
        "expires": head.expires_at,
        "uses": list(head.references),
        "fields": _public(head.public),
        "quarantine": head.quarantine,
    }


def version_shape(version: Version) -> dict[str, Any]:
    """A version in a history, as ``strongroom block history --json`` documents it."""
    return {
        "name": version.document,
        "version": version.number,
        "type": version.type,
        "state": version.state.value,
        "labels": list(version.labels),
        "created": version.created_at,
        "actor": version.actor,
        "message": version.message,
        "expires": version.expires_at,
        "uses": list(version.references),
        "schema": version.schema,
        "fields": _public(version.public),
    }


@command(
    "ls",
    examples="""
        strongroom block ls
        strongroom block ls 'prod-*' --type crm-api
        strongroom block ls --deleted
        strongroom block ls --search db.example.com   # whose public fields say so
        strongroom block ls --json | jq -r '.[].name'
    """,
)
@click.argument("glob", default="*", metavar="[GLOB]")
@click.option("--type", "type_slug", metavar="TYPE", shell_complete=type_slugs, help="Only blocks of this type.")
@click.option("--search", "text", metavar="TEXT", help="Only blocks whose public fields hold this text.")
@click.option("--deleted", is_flag=True, help="Show deleted and destroyed blocks too.")
@json_option
def ls(glob: str, type_slug: str | None, text: str | None, deleted: bool, as_json: bool) -> None:
    """List blocks. Needs no secret and reads none."""
    if deleted and text is not None:
        raise CommandError("--search looks at live blocks.", "Leave out --deleted.", Exit.USAGE)
    with opened_registry() as registry:
        heads = registry.list(glob, type=type_slug, deleted=deleted) if text is None else _holding(registry, text)
    if text is not None:
        heads = [head for head in heads if fnmatchcase(head.name, glob) and type_slug in (None, head.type)]
    columns = [
        Column("name", "Name", style="bold"),
        Column("type", "Type"),
        Column("version", "Version", right=True),
        Column("labels", "Labels", show=_labels, fold=True),
        Column("updated", "Updated", show=moment),
    ]
    if deleted or any(head.state.value != "live" for head in heads):
        columns.insert(3, Column("state", "State", style=_state_style))
    empty = "There is no block yet. Create one: strongroom block new secret my-secret"
    listing(
        [head_shape(head) for head in heads],
        columns,
        as_json=as_json,
        empty=empty if glob == "*" and not type_slug and text is None else "No block fits.",
    )
    for head in heads:
        if head.quarantine:
            click.echo(f"{head.name} cannot be trusted: {printable(head.quarantine)}", err=True)


def _holding(registry: Registry, text: str) -> list[Head]:
    """What a search finds, by the text as it stands in public fields."""
    return registry.search(json.dumps(text, ensure_ascii=False)[1:-1])


@command(
    "show",
    examples="""
        strongroom block show prod-crm
        strongroom block show prod-crm@2
        strongroom block show prod-crm --sources
        strongroom block show prod-crm --json | jq .fields
    """,
)
@name_argument
@click.option("--version", "number", type=click.IntRange(1), help="The same as NAME@VERSION.")
@click.option("--sources", is_flag=True, help="Open the block to tell which secrets are kept elsewhere, and where.")
@json_option
def show(name: str, number: int | None, sources: bool, as_json: bool) -> None:
    """Show a block without its secrets, of which nothing is read.

    With --sources the block is opened, which the audit keeps; nothing is fetched.
    """
    reference = parse(name)
    with opened_registry() as registry:
        head = registry.head(reference.name)
        version = _version(registry, head, reference.pinned(number) if number else reference)
        places = _sources(version) if sources else {}
    fields, hidden = _public(version.public), hidden_fields(version.type, version.public)
    if as_json:
        shape = {**version_shape(version), "current": head.current, "state": head.state.value, "hidden": list(hidden)}
        print_json({**shape, "sources": places} if sources else shape)
        return
    others = {label: n for label, n in head.labels.items() if n != version.number}
    facts(
        [
            ("Name", version.document),
            ("Type", version.type),
            ("Version", f"{version.number}{'' if version.number == head.current else f' of {head.current}'}"),
            ("State", "" if head.state.value == "live" == version.state.value else version.state.value),
            ("Saved", f"{moment(version.created_at)} by {version.actor}"),
            ("Message", version.message),
            ("Labels", ", ".join([*version.labels, *(f"{label} ({n})" for label, n in others.items())])),
        ]
    )
    click.echo()
    stars = {name: f"{STARS}  {'secret' if secret else 'not shown'}" for name, secret in hidden.items()}
    kept = {path: f"from {text}" for path, text in places.items()}
    facts([*((key, plain(value) or '""') for key, value in fields.items()), *{**stars, **kept}.items()])


@command(
    "reveal",
    examples="""
        strongroom block reveal api-token
        strongroom block reveal prod-crm token | pbcopy
        strongroom block reveal prod-crm@2 headers.X-Api-Key
    """,
)
@name_argument
@click.argument("field", required=False)
@click.option("-n", "--no-newline", is_flag=True, help="Print the value alone, without a newline after it.")
def reveal(name: str, field: str | None, no_newline: bool) -> None:
    """Print a secret in clear on standard output. The audit keeps who did.

    FIELD may be left out where the block has one secret; A.B goes into a field.
    """
    from strongroom_blocks import Block

    with opened_registry():
        loaded = Block.load(name)
        value = _value_at(loaded, field or _only_secret(loaded, name), name)
    content = value if isinstance(value, bytes) else value.encode("utf-8", "surrogateescape")
    stream = sys.stdout.buffer
    stream.write(content if no_newline else content + b"\n")
    stream.flush()


@command("history", examples="strongroom block history prod-crm")
@name_argument
@json_option
def history(name: str, as_json: bool) -> None:
    """List the versions of a block, newest first: who saved them, when and why."""
    with opened_registry() as registry:
        versions = registry.history(bare(name))
    columns = [
        Column("version", "Version", right=True, style="bold"),
        Column("created", "Saved", show=moment),
        Column("actor", "By"),
        Column("labels", "Labels"),
        Column("message", "Message", fold=True),
    ]
    if any(version.state.value != "live" for version in versions):
        columns.insert(1, Column("state", "State", style=_state_style))
    listing([version_shape(version) for version in versions], columns, as_json=as_json, empty="It has no version.")


@command(
    "diff",
    examples="""
        strongroom block diff prod-crm@1 prod-crm@3
        strongroom block diff prod-crm@previous prod-crm
        strongroom block diff staging-crm prod-crm --all
    """,
)
@click.argument("old", shell_complete=block_names)
@click.argument("new", shell_complete=block_names)
@click.option("--all", "every", is_flag=True, help="List the fields that are the same too.")
@json_option
def diff(old: str, new: str, every: bool, as_json: bool) -> None:
    """Compare two versions field by field. Of a secret it says only whether it changed."""
    from strongroom.cli.difference import compare

    with opened_registry() as registry:
        changes = compare(registry.get(old), registry.get(new))
    rows = [change._asdict() for change in changes if every or change.change != "same"]
    for row in rows:
        row["old_shown"], row["new_shown"] = (_diff_text(row, side) for side in ("old", "new"))
    columns = [
        Column("field", "Field", style="bold"),
        Column("change", "Change", style=lambda change: COLOURS.get(change, "")),
        Column("old_shown", old, fold=True),
        Column("new_shown", new, fold=True),
    ]
    if as_json:
        print_json([change._asdict() for change in changes if every or change.change != "same"])
    else:
        listing(rows, columns, as_json=False, empty="They are the same.")


@command(
    "labels",
    examples="""
        strongroom labels
        strongroom labels prod-crm
    """,
)
@click.argument("name", required=False, shell_complete=block_names)
@json_option
def labels(name: str | None, as_json: bool) -> None:
    """List the labels of all blocks, or of one."""
    with opened_registry() as registry:
        heads = [registry.head(bare(name))] if name else registry.list()
    rows = [
        {"name": head.name, "label": label, "version": number, "current": number == head.current}
        for head in heads
        for label, number in sorted(head.labels.items())
    ]
    columns = [
        Column("name", "Name", style="bold"),
        Column("label", "Label"),
        Column("version", "Version", right=True),
        Column("current", "", show=lambda current: "current" if current else ""),
    ]
    empty = "No version has a label. Put one on: strongroom block label NAME stable"
    listing(rows, columns, as_json=as_json, empty=empty)


def _public(projection: bytes) -> dict[str, Any]:
    return json.loads(projection) if projection else {}


def _labels(labels: dict[str, int]) -> str:
    return ", ".join(f"{label}={number}" for label, number in sorted(labels.items()))


def _version(registry: Registry, head: Head, reference: Reference) -> Version:
    number = reference.version or (head.labels.get(reference.label) if reference.label else head.current)
    found = next((version for version in registry.history(head.name) if version.number == number), None)
    if found is None:
        known = f"It has versions up to {head.current}."
        if reference.label:
            known = f"It has {', '.join(head.labels) or 'no label'}."
        raise CommandError(f"There is no {reference}.", known, Exit.NOT_FOUND)
    return found


def hidden_fields(type_slug: str, projection: bytes) -> dict[str, bool]:
    """The fields that a projection leaves out, and whether they are secret, where the class can be found."""
    from strongroom_blocks.catalog import class_for

    from strongroom.cli.field_types import is_secret

    try:
        fields = class_for(type_slug).model_fields
    except Exception:
        return {}
    shown = _public(projection)
    return {name: is_secret(field.annotation) for name, field in fields.items() if name not in shown}


def _sources(version: Version) -> dict[str, str]:
    """Where the secrets of a version are kept, by the paths of their fields."""
    from strongroom_blocks import Block
    from strongroom_blocks.sources.secret_reference import located

    loaded = Block.load(f"{version.document}@{version.number}")
    return {path: reference.text for path, reference in located(loaded)}


def _only_secret(loaded: Block, name: str) -> str:
    from strongroom.cli.field_types import is_secret

    secrets = [key for key, field in type(loaded).model_fields.items() if is_secret(field.annotation)]
    if len(secrets) != 1:
        found = f"has {len(secrets)} secret fields: {', '.join(secrets)}" if secrets else "has no secret field"
        raise CommandError(f"{name} {found}.", f"Name one: strongroom block reveal {name} FIELD", Exit.USAGE)
    return secrets[0]


def _value_at(loaded: Block, path: str, name: str) -> str | bytes:
    from strongroom_blocks.errors import UnknownField
    from strongroom_blocks.field_reference import value_at

    from strongroom.secrets import plain as in_clear

    try:
        value = in_clear(value_at(loaded, tuple(path.split(".")), name))
    except UnknownField as error:
        raise CommandError(error.problem, error.remedy, Exit.USAGE) from None
    return value if isinstance(value, str | bytes) else json.dumps(value, ensure_ascii=False, default=str)


def _diff_text(row: dict[str, Any], side: str) -> str:
    if (row["change"], side) in {("added", "old"), ("removed", "new")}:
        return ""
    return STARS if row["hidden"] else plain(row[side])
