"""The commands of ``strongroom block`` that create, change and remove."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from strongroom.cli.completion import type_slugs
from strongroom.cli.confirmation import confirm, yes_option
from strongroom.cli.durations import DURATION
from strongroom.cli.outcome import CommandError, Exit
from strongroom.cli.output import print_json
from strongroom.cli.references import bare, name_argument, parse
from strongroom.cli.session import opened_registry
from strongroom.cli.teaching import command, json_option

if TYPE_CHECKING:
    from strongroom_blocks import Block
    from strongroom_registry.document import Head, Version
    from strongroom_registry.registry import Registry

    from strongroom.cli.fields import Values

message_option = click.option(
    "-m", "--message", default="", help="What this is for; stands in the history, so no secret."
)


def _moment(expires: timedelta | None) -> datetime | None:
    return None if expires is None else datetime.now(UTC) + expires


def _value_options(function: Any) -> Any:
    for option in reversed((
        click.option(
            "--set", "settings", multiple=True, metavar="FIELD=VALUE",
            help="A field; FIELD=- reads stdin, FIELD=@FILE a file, FIELD:=JSON is JSON, FIELD:source=env:NAME "
            "points at a secret, A.B=VALUE goes deeper.",
        ),
        click.option("--from-file", metavar="FILE", help="All fields from a JSON or TOML file; - is standard input."),
        click.option("--from-env", metavar="PREFIX_", help="Fields from the variables PREFIX_FIELD."),
        message_option,
        click.option("--label", "labels", multiple=True, help="A label to put on the new version; can be repeated."),
        click.option("--expires", type=DURATION, metavar="DURATION", help="In how long it stops working, such as 90d."),
    )):  # fmt: skip
        function = option(function)
    return function


@command(
    "new",
    examples="""
        strongroom block new secret api-token
        strongroom block new local-folder lake --set basepath=/srv/lake
        pass show crm | strongroom block new crm-api prod-crm \\
            --set base_url=https://crm.example.com --set token=-
        strongroom block new secret api-token --set value:source=env:API_TOKEN
        strongroom block new aws-credentials prod-aws --from-file aws.json
        strongroom block new crm-api prod-crm --from-env CRM_ --label stable
    """,
)
@click.argument("type_slug", metavar="TYPE", shell_complete=type_slugs)
@click.argument("name", metavar="NAME")
@_value_options
@click.option("--overwrite", is_flag=True, help="Save a new version where the name is taken.")
@click.option("--expect", type=click.IntRange(0), metavar="N", help="Save only if N is the current version; 0: if new.")
@click.option("--retype", is_flag=True, help="With --overwrite, allow the block to change its type.")
@json_option
def new(
    type_slug: str, name: str, overwrite: bool, expect: int | None, retype: bool, as_json: bool, **given: Any
) -> None:
    """Create a block of TYPE, named NAME.

    On a terminal, asks for the fields that are not given and hides what is secret. Types: strongroom block types.
    """
    from strongroom_registry.document import check_name

    check_name(name)
    cls = _type(type_slug)
    with opened_registry(create=True) as registry:
        if registry.exists(name) and not overwrite and expect is None:
            raise CommandError(
                f"A block named {name!r} exists already.",
                f"Change it with 'strongroom block set {name}', or add --overwrite.",
                Exit.REFUSED,
            )
        made = _gather(cls, given).build(ask=_may_ask())
        _report(
            made.save(
                name,
                message=given["message"],
                overwrite=overwrite,
                expect=expect,
                retype=retype,
                labels=given["labels"],
                expires_at=_moment(given["expires"]),
            ),
            as_json,
        )


@command(
    "set",
    examples="""
        strongroom block set lake --set basepath=/srv/lake2 -m "bigger disk"
        strongroom block set prod-crm --set token=@/run/secrets/crm
    """,
)
@name_argument
@_value_options
@click.option("--pending", is_flag=True, help="Label the new version pending; block promote makes it the current one.")
@json_option
def set_(name: str, pending: bool, as_json: bool, **given: Any) -> None:
    """Save a new version of a block with some fields changed.

    On a terminal, without any field given, asks for each; Enter keeps it as it is. Fails, and changes nothing, where
    somebody else saved a version meanwhile.
    """
    from strongroom_blocks import Block

    reference = bare(name)
    with opened_registry() as registry:
        number = registry.head(reference).current
        values = _gather(Block.load(f"{reference}@{number}"), given)
        if not values.given and not _may_ask():
            raise CommandError("Nothing to change is given.", "Add --set field=value", Exit.USAGE)
        changed = values.build(ask=_may_ask())
        _report(
            changed.save(
                reference,
                message=given["message"],
                expect=number,
                labels=given["labels"],
                expires_at=_moment(given["expires"]),
                pending=pending,
            ),
            as_json,
        )


@command(
    "label",
    examples="""
        strongroom block label prod-crm stable        # the current version
        strongroom block label prod-crm@3 stable
    """,
)
@name_argument
@click.argument("label")
@json_option
def label(name: str, label: str, as_json: bool) -> None:
    """Put a label on a version, so that NAME@LABEL loads it. It leaves the version that had it."""
    with opened_registry() as registry:
        reference = parse(name)
        version = reference.version
        if reference.label is not None:
            version = registry.head(reference.name).labels.get(reference.label)
            if version is None:
                raise CommandError(f"{reference.name} has no label {reference.label!r}.", "", Exit.NOT_FOUND)
        head = registry.label(reference.name, label, version)
    _tell(head, f"{head.name}@{label} is version {head.labels[label]}.", as_json)


@command("unlabel", examples="strongroom block unlabel prod-crm stable")
@name_argument
@click.argument("label")
@json_option
def unlabel(name: str, label: str, as_json: bool) -> None:
    """Take a label off; the version stays."""
    with opened_registry() as registry:
        head = registry.unlabel(bare(name), label)
    _tell(head, f"{head.name} has no label {label} any more.", as_json)


@command(
    "delete",
    examples="""
        strongroom block delete old-crm -m "replaced by prod-crm"
        strongroom block delete old-aws --cascade    # and what uses it
    """,
)
@name_argument
@click.option("--cascade", is_flag=True, help="Delete the blocks that use it as well, and those that use these.")
@message_option
@json_option
def delete(name: str, cascade: bool, message: str, as_json: bool) -> None:
    """Delete a block. It can be brought back with undelete until it is destroyed.

    One that others use stays, unless they are to go with it: see block used-by.
    """
    from strongroom_registry.document import DocumentState

    from strongroom.cli.block_reading import head_shape

    with opened_registry() as registry:
        users = _all_users(registry, bare(name)) if cascade else []
        head = registry.delete(bare(name), message=message, cascade=cascade)
        gone = [user for user in users if registry.head(user).state is DocumentState.DELETED]
    if as_json:
        print_json(head_shape(head) | ({"deleted_with_it": gone} if cascade else {}))
        return
    click.echo(f"{head.name} is deleted. Bring it back: strongroom block undelete {head.name}")
    if gone:
        click.echo(f"Deleted with it: {', '.join(gone)}")


def _all_users(registry: Registry, name: str) -> list[str]:
    """The blocks that use one, and those that use these."""
    found = [name]
    for used in found:  # grows while it is gone through
        found += dict.fromkeys(user.name for user in registry.used_by(used) if user.name not in found)
    return found[1:]


@command("undelete", examples="strongroom block undelete old-crm")
@click.argument("name", metavar="NAME")
@json_option
def undelete(name: str, as_json: bool) -> None:
    """Bring a deleted block back, with all its versions."""
    with opened_registry() as registry:
        head = registry.undelete(bare(name))
    _tell(head, f"{head.name} is back, at version {head.current}.", as_json)


@command(
    "destroy",
    examples="""
        strongroom block destroy prod-crm@2       # one version
        strongroom block destroy old-crm          # all of it
        strongroom block destroy old-crm --yes    # in a script
    """,
)
@name_argument
@yes_option
@json_option
def destroy(name: str, yes: bool, as_json: bool) -> None:
    """Destroy a version, or a whole block, for good: its key is dropped, and nothing brings it back."""
    reference = parse(name)
    if reference.label is not None:
        raise CommandError("A label can move.", f"Name the version itself: {reference.name}@3", Exit.USAGE)
    with opened_registry() as registry:
        registry.head(reference.name)
        if not yes:
            confirm(str(reference), to="destroy", done="destroyed")
        head = registry.destroy(reference.name, reference.version)
    what = head.name if reference.version is None else f"Version {reference.version} of {head.name}"
    _tell(head, f"{what} is destroyed.", as_json)


def _may_ask() -> bool:
    from strongroom.cli import fields

    return fields.at_terminal()


def _type(slug: str) -> type[Block]:
    from strongroom_blocks.catalog import find

    return find(slug).load()


def _gather(start: Block | type[Block], given: dict[str, Any]) -> Values:
    from strongroom.cli.fields import Values

    values = Values(start)
    if given["from_file"] is not None:
        values.from_file(given["from_file"])
    if given["from_env"] is not None:
        values.from_environment(given["from_env"])
    for text in given["settings"]:
        values.from_argument(text)
    return values


def _report(version: Version, as_json: bool) -> None:
    if as_json:
        shape = {
            "name": version.document,
            "type": version.type,
            "version": version.number,
            "labels": list(version.labels),
        }
        print_json(shape)
    else:
        labels = f", labelled {', '.join(version.labels)}" if version.labels else ""
        click.echo(f"Saved {version.document}, version {version.number} ({version.type}){labels}.")


def _tell(head: Head, sentence: str, as_json: bool) -> None:
    if as_json:
        from strongroom.cli.block_reading import head_shape

        print_json(head_shape(head))
    else:
        click.echo(sentence)
