"""``strongroom block``: who uses a block, what is due, and moving blocks on: promote, rotate, migrate."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from strongroom.cli.completion import block_names
from strongroom.cli.durations import DURATION
from strongroom.cli.outcome import CommandError, Exit
from strongroom.cli.output import Column, counted, listing, moment, print_json, printable
from strongroom.cli.references import bare, name_argument, parse
from strongroom.cli.session import opened_registry
from strongroom.cli.teaching import command, json_option

if TYPE_CHECKING:
    from strongroom_blocks.credential_rotation import CredentialRotation, Step
    from strongroom_blocks.migration import Migration
    from strongroom_registry.document import Head

_MONTH = timedelta(days=30)


@command("used-by", examples="strongroom block used-by prod-aws")
@name_argument
@json_option
def used_by(name: str, as_json: bool) -> None:
    """List the blocks that hold this one, by their current version or one with a label."""
    with opened_registry() as registry:
        users = registry.used_by(bare(name))
        rows = [{"name": user.name, "version": user.version, "type": registry.head(user.name).type} for user in users]
    columns = [
        Column("name", "Name", style="bold"),
        Column("version", "Version", right=True),
        Column("type", "Type"),
    ]
    listing(rows, columns, as_json=as_json, empty=f"Nothing uses {bare(name)}.")


@command(
    "due",
    examples="""
        strongroom block due                          # what expires within 30 days
        strongroom block due --within 7d --older-than 365d
        strongroom block due --exit-code || echo look at the keys
    """,
)
@click.option("--within", type=DURATION, default=_MONTH, help="What expires within this time; by default 30d.")
@click.option("--older-than", type=DURATION, help="Also what was saved longer ago, whether it expires or not.")
@click.option("--exit-code", is_flag=True, help="Exit with 1 if anything is due.")
@json_option
def due(within: timedelta, older_than: timedelta | None, exit_code: bool, as_json: bool) -> None:
    """List blocks whose current version expires soon, or is older than a limit; the most urgent first."""
    with opened_registry() as registry:
        rows = list(_due(registry.list(), within, older_than))
    rows.sort(key=lambda row: (row["expires"] or datetime.max.replace(tzinfo=UTC), row["created"]))
    columns = [
        Column("name", "Name", style="bold"),
        Column("type", "Type"),
        Column("why", "Why", style=lambda why: "red" if why == "expired" else ""),
        Column("expires", "Expires", show=moment),
        Column("created", "Saved", show=moment),
    ]
    listing(rows, columns, as_json=as_json, empty="Nothing is due.")
    if rows and exit_code:
        raise SystemExit(Exit.FAILED)


@command(
    "promote",
    examples="""
        strongroom block promote prod-crm@pending
        strongroom block promote prod-crm@3 -m "4 does not work"
    """,
)
@name_argument
@click.option("-m", "--message", default="", help="Why; it stands in the audit.")
@json_option
def promote(name: str, message: str, as_json: bool) -> None:
    """Make a version the current one: one that is pending, or an older one again."""
    reference = parse(name)
    with opened_registry() as registry:
        head = registry.head(reference.name)
        number = reference.version if reference.label is None else head.labels.get(reference.label)
        if number is None:
            raise CommandError(
                f"{name} names no version.", f"Write {reference.name}@3 or {reference.name}@pending.", Exit.USAGE
            )
        head = registry.promote(reference.name, number, message=message)
    if as_json:
        print_json({"name": head.name, "current": head.current, "labels": dict(head.labels)})
    else:
        click.echo(f"{head.name} is version {head.current} now.")


@command(
    "rotate",
    examples="""
        strongroom block rotate prod-db          # a PostgreSQL login, itself
        strongroom block rotate prod-db --admin db-admin --users app_a,app_b
        strongroom block rotate crm --with rotations:CrmToken --lifetime 90d
    """,
)
@name_argument
@click.option("--with", "factory", metavar="MODULE:NAME", help="A CredentialRotation of yours, or what makes one.")
@click.option("--admin", metavar="NAME", shell_complete=block_names, help="The block that may change the credential.")
@click.option("--users", metavar="A,B", help="Two logins that take turns, so that the former one works on.")
@click.option("--lifetime", type=DURATION, help="When the new credential is due again.")
@click.option("-m", "--message", default="rotated", help="What the new version is for.")
@json_option
def rotate(
    name: str,
    factory: str | None,
    admin: str | None,
    users: str | None,
    lifetime: timedelta | None,
    message: str,
    as_json: bool,
) -> None:
    """Give a credential a new value where it is checked: create, set, test, finish.

    The new value is saved as pending before anybody learns of it, and becomes the current version once it was tested.
    Interrupted, the same command goes on.
    """
    from strongroom_blocks.credential_rotation import rotate_credential

    steps: list[str] = []

    def say(step: Step) -> None:
        steps.append(step.value)
        if not as_json:
            click.echo(f"{step.value} …", err=True)

    with opened_registry() as registry:
        type_ = registry.head(bare(name)).type
        rotation = _rotation(type_, factory, admin, users)
        with _failure_told(bare(name), steps):
            version = rotate_credential(bare(name), rotation, message=message, lifetime=lifetime, at=say)
    if as_json:
        print_json({"name": version.document, "version": version.number, "expires": version.expires_at})
    else:
        click.echo(
            f"{version.document} is version {version.number} now; the former one is {version.document}@previous."
        )


@command(
    "migrate",
    examples="""
        strongroom block migrate --dry-run
        strongroom block migrate prod-crm
    """,
)
@click.argument("names", nargs=-1, metavar="[NAME]...", shell_complete=block_names)
@click.option("--dry-run", is_flag=True, help="Load and upgrade, and write nothing.")
@json_option
def migrate(names: tuple[str, ...], dry_run: bool, as_json: bool) -> None:
    """Save blocks that were written by an older class as new versions, upgraded; by default all of them.

    Exits with 4 if a block does not fit its class, or was written by a newer one.
    """
    from strongroom_blocks.migration import Outcome, migrate

    with opened_registry():
        found = list(migrate(map(bare, names) if names else None, dry_run=dry_run))
    shown = found if as_json else [migration for migration in found if migration.outcome is not Outcome.SAME]
    columns = [
        Column("name", "Name", style="bold"),
        Column("type", "Type"),
        Column("outcome", "Outcome", style=lambda outcome: "" if outcome == "migrated" else "red"),
        Column("version", "Version", right=True),
        Column("problem", "Problem", fold=True),
    ]
    listing(
        [_migration_shape(migration) for migration in shown],
        columns,
        as_json=as_json,
        empty=f"Nothing to do: {counted(len(found), 'block')} looked at, all with the shape of their types.",
    )
    if dry_run and shown and not as_json:
        click.echo("Nothing was written.", err=True)
    if not all(migration.ok for migration in found):
        raise SystemExit(Exit.REFUSED)


def _due(heads: Iterable[Head], within: timedelta, older_than: timedelta | None) -> Iterable[dict[str, Any]]:
    now = datetime.now(UTC)
    for head in heads:
        why = ""
        if head.expires_at is not None and head.expires_at <= now + within:
            why = "expired" if head.expires_at <= now else "expires"
        elif older_than is not None and head.created_at is not None and head.created_at <= now - older_than:
            why = "old"
        if why:
            yield {
                "name": head.name,
                "type": head.type,
                "why": why,
                "expires": head.expires_at,
                "created": head.created_at,
            }


@contextmanager
def _failure_told(name: str, steps: list[str]) -> Iterator[None]:
    """What a step raises is an answer of the service or of somebody's class, and no defect of the command."""
    from strongroom_registry.errors import StrongroomError

    try:
        yield
    except StrongroomError:
        raise
    except Exception as error:
        said = " ".join(f"{type(error).__name__}: {error}".split()).rstrip(".")
        step = steps[-1] if steps else ""
        remedy = "The current version is as it was. When that is repaired, the same command goes on."
        if step == "finish":
            remedy = f"The new credential is the current version; see what is left of {name}@previous."
        raise CommandError(f"The rotation of {name} failed at {step}: {said}.", remedy) from error


def _rotation(type_: str, factory: str | None, admin: str | None, users: str | None) -> CredentialRotation[Any]:
    from strongroom_blocks.block import Block

    options: dict[str, Any] = {}
    if admin is not None:
        options["admin"] = Block.load(admin)
    if users is not None:
        options["users"] = tuple(user.strip() for user in users.split(","))
    if factory is not None:
        return _made(factory, options)
    if type_ != "postgresql":
        raise CommandError(
            f"Strongroom knows no rotation for the type {type_}.",
            "Write a CredentialRotation and name it: --with MODULE:NAME",
            Exit.USAGE,
        )
    from strongroom_blocks.types.postgresql_password import PostgreSQLPassword

    return PostgreSQLPassword(**options)


def _made(factory: str, options: dict[str, Any]) -> CredentialRotation[Any]:
    import os
    import sys
    from pkgutil import resolve_name

    from strongroom_blocks.credential_rotation import CredentialRotation

    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())
    try:
        found = resolve_name(factory)
    except (ImportError, AttributeError, ValueError) as problem:
        raise CommandError(f"{printable(factory)} cannot be imported: {problem}.", "", Exit.USAGE) from None
    rotation = found if isinstance(found, CredentialRotation) else found(**options)
    if not isinstance(rotation, CredentialRotation):
        raise CommandError(f"{printable(factory)} makes no CredentialRotation.", "", Exit.USAGE)
    return rotation


def _migration_shape(migration: Migration) -> dict[str, Any]:
    return {
        "name": migration.name,
        "type": migration.type,
        "outcome": migration.outcome.value,
        "written": migration.written,
        "wanted": migration.wanted,
        "version": migration.version,
        "problem": migration.problem,
    }
