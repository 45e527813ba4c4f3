"""``strongroom render``: write a file from a template that takes values from blocks."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from strongroom.cli.given_text import read_stdin, read_text
from strongroom.cli.outcome import CommandError, Exit
from strongroom.cli.output import on_terminal
from strongroom.cli.session import opened_registry
from strongroom.cli.teaching import command


def _mode(_context: click.Context, _option: click.Parameter, text: str) -> int:
    """A file mode in octal: ``640``."""
    try:
        mode = int(text, 8)
    except ValueError:
        raise click.BadParameter(f"{text!r} is no mode in octal, such as 640.") from None
    if mode & ~0o770 or mode & 0o600 != 0o600:
        raise click.BadParameter(f"{mode:o} would lock you out or let everybody in; the file holds secrets.")
    return mode


@command(
    "render",
    examples="""
        strongroom render app.conf.j2 -o app.conf    # mode 600, whole or not
        strongroom render app.conf.j2 -o app.conf --mode 640
        strongroom render app.conf.j2 | ssh host 'cat > app.conf'
        echo '{{ block("prod-crm").token }}' | strongroom render - --show
    """,
)
@click.argument("template", type=click.Path(allow_dash=True, dir_okay=False, path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), help="The file to write; else standard output.")
@click.option("--mode", callback=_mode, metavar="MODE", default="600", show_default=True, help="The mode of the file.")
@click.option("--show", is_flag=True, help="Print on a terminal too, where people look on.")
def render(template: Path, output: Path | None, mode: int, show: bool) -> None:
    """Write a file from a template that takes from blocks.

    {{ block("prod-crm").token }} is a field of a block, secrets in clear; if, for, set and filters are there, code is
    not. A missing block or field is an error. Nothing is written before the whole template is rendered; a file is
    replaced at once.
    """
    if output is None and on_terminal() and not show:
        raise CommandError(
            "This would show secrets on the terminal.", "Write a file with -o, or say --show.", Exit.REFUSED
        )
    if output is not None and output.is_dir():
        raise CommandError(f"{output} is a folder.", "Name the file in it.", Exit.USAGE)
    from strongroom import rendering

    text = read_stdin() if str(template) == "-" else read_text(template)
    with opened_registry():
        made = rendering.render(text, name="standard input" if str(template) == "-" else template.name)
    content = made.encode("utf-8", "surrogateescape")
    if output is None:
        sys.stdout.flush()
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
    else:
        _write(output, content, mode)


def _write(output: Path, content: bytes, mode: int) -> None:
    from strongroom_registry.private_output import new_private_file

    with new_private_file(output, replace=True, mode=mode) as file:
        file.write(content)
