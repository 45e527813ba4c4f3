"""``strongroom export``: blocks in a file, sealed to somebody."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from strongroom.cli.completion import block_names, type_slugs
from strongroom.cli.outcome import CommandError, Exit
from strongroom.cli.output import Column, listing, print_json
from strongroom.cli.session import opened_registry
from strongroom.cli.teaching import command, json_option

if TYPE_CHECKING:
    from strongroom_registry.keys import KeyProvider

    from strongroom.interchange.selection import Selection


@command(
    "export",
    examples="""
        strongroom export --to passphrase -o all.export
        strongroom export 'team-*' --to file:/media/stick/team.key -o team.export
        strongroom export --type connection --label stable --dry-run
        strongroom export api-token --plain --yes-i-want-secrets-in-clear -o t.jsonl

        # reads one back
        strongroom import strongroom team.export --key file:/media/stick/team.key
    """,
)
@click.argument("globs", nargs=-1, metavar="[NAME|GLOB]...", shell_complete=block_names)
@click.option("--to", "recipients", multiple=True, metavar="passphrase|KEY-URI", help="Seal it to this; repeatable.")
@click.option("-o", "--output", metavar="FILE", help="The new file; - is standard output.")
@click.option("--type", "type_slug", metavar="TYPE", shell_complete=type_slugs, help="Only blocks of this type.")
@click.option("--label", metavar="LABEL", help="The versions with this label instead of the current ones.")
@click.option("--history", is_flag=True, help="All versions, not the current one alone.")
@click.option("--plain", is_flag=True, help="Do not seal it.")
@click.option("--yes-i-want-secrets-in-clear", "in_clear", is_flag=True, help="What --plain asks for besides.")
@click.option("--force", is_flag=True, help="Write to a terminal, too.")
@click.option("--dry-run", is_flag=True, help="Say what would be taken, and write nothing.")
@json_option
def export(
    globs: tuple[str, ...], recipients: tuple[str, ...], output: str | None, plain: bool, in_clear: bool,
    force: bool, dry_run: bool, as_json: bool, type_slug: str | None, label: str | None, history: bool,
) -> None:  # fmt: skip
    """Write blocks to a new file, sealed to a key or more.

    Takes all blocks, or those that are named, and what they refer to. Any one of the keys that it is sealed to opens
    it; the passphrase is $STRONGROOM_FILE_PASSPHRASE, or asked for.
    """
    from strongroom.interchange.selection import Selection

    if not dry_run:
        _check(recipients, output, plain, in_clear, force, as_json)
    with opened_registry() as registry:
        selection = Selection(registry, globs, type_slug, label, history)
        if dry_run:
            for _ in selection.records():
                pass
        else:
            _write(selection, output or "", _providers(recipients))
    _report(selection, as_json=as_json, quiet=output == "-" and not dry_run)


def _check(
    recipients: Sequence[str], output: str | None, plain: bool, in_clear: bool, force: bool, as_json: bool
) -> None:
    if plain and recipients:
        raise CommandError("--plain and --to exclude each other.", "Leave one of the two.", Exit.USAGE)
    if plain and not in_clear:
        raise CommandError(
            "--plain writes every secret in clear.",
            "Add --yes-i-want-secrets-in-clear if that is what you want, or use --to passphrase.",
            Exit.USAGE,
        )
    if not plain and not recipients:
        raise CommandError("Nobody could open the export.", "Add --to passphrase, or --to and a key URI.", Exit.USAGE)
    if output is None:
        raise CommandError("There is no place to write to.", "Add -o FILE.", Exit.USAGE)
    if output == "-":
        if as_json:
            raise CommandError("Standard output can hold one thing.", "Use -o FILE with --json.", Exit.USAGE)
        if sys.stdout.isatty() and not force:
            raise CommandError("An export is not for a terminal.", "Write it to a file: -o FILE", Exit.USAGE)
    elif Path(output).expanduser().exists():
        raise CommandError(f"{output} exists, and is not overwritten.", "Name another file.", Exit.REFUSED)


def _providers(recipients: Sequence[str]) -> list[KeyProvider]:
    from strongroom_registry.container import recipient

    return [recipient(uri) for uri in dict.fromkeys(recipients)]


def _write(selection: Selection, output: str, providers: Sequence[KeyProvider]) -> None:
    """Seal it, or write it plain where there is nobody to seal it to, as :func:`_check` let through."""
    from strongroom.interchange.sealed import write_plain, write_sealed

    with _target(output) as target:
        if providers:
            write_sealed(target, selection, providers)
        else:
            write_plain(target, selection)
        if not selection.taken:
            raise CommandError("No block fits.", "See the names with 'strongroom block ls'.", Exit.NOT_FOUND)


@contextmanager
def _target(output: str) -> Iterator[BinaryIO]:
    if output == "-":
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    from strongroom_registry.private_output import new_private_file

    try:
        with new_private_file(Path(output).expanduser()) as file:
            yield file
    except FileExistsError:
        raise CommandError(f"{output} exists, and is not overwritten.", "Name another file.", Exit.REFUSED) from None


def _report(selection: Selection, *, as_json: bool, quiet: bool) -> None:
    rows: list[dict[str, Any]] = [
        {
            "name": item.name,
            "type": item.type,
            "version": item.version,
            "current": item.main,
            "wanted_by": item.wanted_by,
        }
        for item in selection.taken
    ]
    for reference, name in selection.missing:
        click.echo(f"{name} refers to {reference}, which is not there any more and is left out.", err=True)
    if as_json:
        print_json(rows)
    elif not quiet:
        columns = [
            Column("name", "Name", style="bold"),
            Column("type", "Type"),
            Column("version", "Version", right=True),
            Column("wanted_by", "Wanted by"),
        ]
        listing(rows, columns, as_json=False, empty="No block fits.")
