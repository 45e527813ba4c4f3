"""``strongroom verify``: open everything there is, and name what is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from strongroom.cli.kept_anchor import anchor_problem
from strongroom.cli.outcome import Exit
from strongroom.cli.output import Column, counted, listing, print_json
from strongroom.cli.session import opened_registry
from strongroom.cli.teaching import command, json_option

if TYPE_CHECKING:
    from strongroom_registry.errors import IntegrityError


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

    Every seal is checked, and no secret shown; the audit trail is proven whole; and all of it is held against the
    anchor, where there is one. Exits with 6 where something is wrong. A problem without a name is one of the audit, of
    the registry as a whole, or of a block of which even the name is gone.
    """
    with opened_registry(anchor="") as registry:
        report = registry.verify()
        trail = registry.verify_audit()
        whole = anchor_problem(registry)
    problems = [_shape(problem.name, problem.version, problem.error) for problem in report.problems]
    if trail.problem is not None:
        problems.append(_shape("", None, trail.problem))
    if whole is not None:
        problems.append(_shape("", None, whole))
    if as_json:
        print_json({"ok": not problems, "blocks": report.documents, "versions": report.versions, "problems": problems})
    else:
        _tell(problems, report.documents, report.versions)
    if problems:
        raise SystemExit(Exit.INTEGRITY)


def _shape(name: str, version: int | None, error: IntegrityError) -> dict[str, Any]:
    return {
        "name": name,
        "version": version,
        "error": type(error).__name__,
        "problem": error.problem,
        "remedy": error.remedy,
    }


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
    click.echo(f"All is as it was left: {counted(blocks, 'block')}, {counted(versions, 'version')}.")
