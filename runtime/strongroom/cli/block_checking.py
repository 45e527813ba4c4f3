"""``strongroom block check``: whether the secrets of blocks can be had, and what they stand for works."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from strongroom.cli.completion import block_names
from strongroom.cli.outcome import CommandError, Exit
from strongroom.cli.output import Column, duration, listing
from strongroom.cli.session import opened_registry
from strongroom.cli.teaching import command, json_option

if TYPE_CHECKING:
    from strongroom_blocks.checking import Finding

_STYLES = {"works": "green", "skipped": "dim"}


def finding_shape(name: str, finding: Finding) -> dict[str, Any]:
    """A line of the report, as ``strongroom block check --json`` documents it."""
    return {
        "name": name,
        "subject": finding.subject,
        "state": finding.state,
        "seconds": round(finding.seconds, 3),
        "told": finding.told,
        "remedy": finding.remedy,
    }


@command(
    "check",
    examples="""
        strongroom block check prod-crm
        strongroom block check --all --timeout 3
        strongroom block check prod-crm --json | jq '.[] | select(.state != "works")'
    """,
)
@click.argument("names", nargs=-1, metavar="[NAME]...", shell_complete=block_names)
@click.option("--all", "every", is_flag=True, help="Check every block.")
@click.option(
    "--timeout",
    type=click.FloatRange(0.1, 3600),
    default=10.0,
    show_default=True,
    metavar="SECONDS",
    help="How long each source and each check may take.",
)
@json_option
@click.pass_context
def check(context: click.Context, names: tuple[str, ...], every: bool, timeout: float, as_json: bool) -> None:
    """Say what works: fetch every secret that a block points at, then ask what it stands for.

    A line each: what was tried, whether it works, is absent, denied or unreachable, and how long that took. A check
    logs in, asks for one thing, and changes nothing. Exit code 1 if anything failed. No value is shown.
    """
    if bool(names) == every:
        raise CommandError("Name blocks, or give --all.", "See: strongroom block check --help", Exit.USAGE)
    with opened_registry() as registry:
        wanted = [head.name for head in registry.list()] if every else list(dict.fromkeys(names))
        findings = [(name, finding) for name in wanted for finding in _findings(name, timeout)]
    rows = [finding_shape(name, finding) for name, finding in findings]
    columns = [
        Column("name", "Block", style="bold"),
        Column("subject", "What", fold=True),
        Column("state", "State", style=lambda state: _STYLES.get(state, "red")),
        Column("seconds", "Took", show=duration, right=True),
        Column("said", "", fold=True),
    ]
    said = [row if as_json else {**row, "said": f"{row['told']} {row['remedy']}".strip()} for row in rows]
    listing(said, columns, as_json=as_json, empty="There is no block to check.")
    if any(finding.is_failure for _, finding in findings):
        context.exit(Exit.FAILED)


def _findings(name: str, timeout: float) -> list[Finding]:
    from strongroom_blocks import Block
    from strongroom_blocks.checking import check as check_block
    from strongroom_blocks.checking import failure
    from strongroom_registry.errors import StrongroomError

    try:
        return check_block(Block.load(name), timeout)
    except StrongroomError as error:  # one block that cannot be opened keeps no other from being checked
        return [failure(name, error)]
