"""``strongroom verify``: open everything there is, and name what is wrong."""

from __future__ import annotations

from typing import Any

import click

from strongroom.cli.outcome import Exit
from strongroom.cli.output import Column, listing, print_json
from strongroom.cli.session import opened_registry
from strongroom.cli.teaching import command, json_option


@command(
    "verify",
    examples="""
        strongroom verify
        strongroom verify --json | jq '.problems[].name'
    """,
)
@json_option
def verify(as_json: bool) -> None:
    """Open every version there is and name what is wrong.

    Every seal is checked, and no secret shown. Exits with 6 where something is wrong. The audit trail has its
    own proof: strongroom audit verify.
    """
    with opened_registry() as registry:
        report = registry.verify()
    problems = [
        {
            "name": problem.name,
            "version": problem.version,
            "error": type(problem.error).__name__,
            "problem": problem.error.problem,
            "remedy": problem.error.remedy,
        }
        for problem in report.problems
    ]
    if as_json:
        print_json({"ok": report.ok, "blocks": report.documents, "versions": report.versions, "problems": problems})
    else:
        _tell(problems, report.documents, report.versions)
    if not report.ok:
        raise SystemExit(Exit.INTEGRITY)


def _tell(problems: list[dict[str, Any]], blocks: int, versions: int) -> None:
    if problems:
        columns = [
            Column("name", "Name", style="bold"),
            Column("version", "Version", right=True),
            Column("error", "Error", style="red"),
            Column("problem", "Problem", fold=True),
        ]
        listing(problems, columns, as_json=False, empty="")
        click.echo(problems[0]["remedy"], err=True)
        return
    found = f"{blocks:,} block{'' if blocks == 1 else 's'}, {versions:,} version{'' if versions == 1 else 's'}"
    click.echo(f"All is as it was left: {found}.")
