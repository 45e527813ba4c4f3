"""``strongroom typegen``: tell type checkers which blocks there are."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from strongroom.cli.outcome import CommandError, Exit
from strongroom.cli.output import printable
from strongroom.cli.session import opened_registry
from strongroom.cli.teaching import command

if TYPE_CHECKING:
    from strongroom.typegen import Known


@command(
    "typegen",
    examples="""
        strongroom typegen -o my_blocks.py
        strongroom typegen -o my_blocks.py --check     # in CI: 1 if it is stale
        strongroom typegen 'prod-*' -o prod_blocks.py  # some blocks of many

        # then, in your code: a wrong name is an error to mypy and pyright
        from my_blocks import load
        crm = load("prod-crm")
    """,
)
@click.argument("glob", default="*", metavar="[GLOB]")
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="The file to write; else standard output."
)
@click.option("--check", is_flag=True, help="Write nothing; exit with 1 where the file is not current.")
def typegen(glob: str, output: Path | None, check: bool) -> None:
    """Tell mypy and pyright which blocks there are.

    Writes a module, whose load() and aload() take the names of this workspace alone and return the class of each
    block. It holds names and types, and no value; no block is opened. Classes of your own are found as everywhere:
    through $STRONGROOM_BLOCK_MODULES.
    """
    from strongroom import typegen as generator

    if check and output is None:
        raise CommandError("There is no file to check.", "Name it: strongroom typegen --check -o FILE", Exit.USAGE)
    with opened_registry() as registry:
        known, distrusted = generator.known_blocks(registry, glob)
        how = f"Workspace: {registry.workspace}." + ("" if glob == "*" else f" Names: {_quoted(glob)}.")
    for head in distrusted:
        click.echo(f"{head.name} cannot be trusted, and is left out: {printable(head.quarantine or '')}", err=True)
    _tell_unknown(known)
    text = generator.module_text(known, how)
    if output is None:
        click.echo(text, nl=False)
    elif check:
        _check(output, text)
    else:
        _write(output, text)
    if distrusted:
        raise SystemExit(Exit.INTEGRITY)


def _quoted(glob: str) -> str:
    """A glob as it may stand in a docstring."""
    return repr(glob).replace("\\", "/").replace('"', "'")


def _tell_unknown(known: list[Known]) -> None:
    for slug in sorted({block.slug for block in known if block.home is None}):
        click.echo(
            f"The class of the type {slug} cannot be imported, so its blocks load as Block. "
            "Name its module in STRONGROOM_BLOCK_MODULES.",
            err=True,
        )


def _check(output: Path, text: str) -> None:
    try:
        written = output.read_text(encoding="utf-8")
    except (FileNotFoundError, UnicodeDecodeError):
        written = ""
    if written != text:
        raise CommandError(f"{output} is not current.", "Run the same command without --check.")
    click.echo(f"{output} is current.")


def _write(output: Path, text: str) -> None:
    """Write the file, unless somebody else's file stands there."""
    from strongroom.typegen import MARK

    if output.exists():
        with output.open(encoding="utf-8", errors="replace") as file:
            first = file.readline().strip()
        if first not in ("", MARK):
            raise CommandError(f"{output} was not written by typegen.", "Choose another file, or remove it.")
    output.write_text(text, encoding="utf-8")
