"""``strongroom audit``: who did what, and whether the trail is whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from strongroom.cli.completion import block_names
from strongroom.cli.kept_anchor import anchor_problem
from strongroom.cli.outcome import Exit
from strongroom.cli.output import Column, counted, listing, moment, print_json, printable
from strongroom.cli.session import opened_registry
from strongroom.cli.teaching import group, json_option

if TYPE_CHECKING:
    from strongroom_registry.audit import AuditEntry


@group(
    "audit",
    aliases={"list": "ls"},
    examples="""
        strongroom audit ls --block prod-crm
        strongroom audit verify
    """,
)
def audit() -> None:
    """Read the audit trail and prove it whole.

    Every change and every load of a secret is an entry in a chain, so that none can be edited or taken out unseen.
    """


@audit.command(
    "ls",
    examples="""
        strongroom audit ls
        strongroom audit ls --block prod-crm --limit 100
        strongroom audit ls --json | jq '.[] | select(.outcome != "done")'
    """,
)
@click.option("--block", "name", metavar="NAME", shell_complete=block_names, help="Only what concerns this block.")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1), help="How many, newest first.")
@json_option
def ls(name: str | None, limit: int, as_json: bool) -> None:
    """List the entries of the audit, newest first."""
    with opened_registry() as registry:
        rows = [_shape(entry) for entry in registry.audit(limit=limit, name=name)]
    columns = [
        Column("seq", "No", right=True),
        Column("at", "Time", show=moment),
        Column("actor", "Who", fold=True),
        Column("action", "Did"),
        Column("what", "What", style="bold"),
        Column("outcome", "Outcome", style=lambda outcome: "" if outcome == "done" else "red"),
        Column("count", "Times", right=True),
    ]
    if not as_json:
        rows = [{**row, "what": _what(row)} for row in rows]
    listing(rows, columns, as_json=as_json, empty="Nothing has happened yet.")


@audit.command("verify", examples="strongroom audit verify && echo whole")
@json_option
def verify(as_json: bool) -> None:
    """Check the chain from its first entry to its last, and that it is not shorter than the anchor says.

    Exits with 6 at the first entry that does not fit.
    """
    with opened_registry(anchor="") as registry:
        report = registry.verify_audit()
        if report.ok and (rolled_back := anchor_problem(registry)) is not None:
            raise rolled_back
    if as_json:
        problem = str(report.problem) if report.problem else None
        print_json({"ok": report.ok, "entries": report.entries, "first_bad": report.first_bad, "problem": problem})
    elif report.ok:
        click.echo(f"The audit is whole: {counted(report.entries, 'entry', 'entries')}.")
    else:
        click.echo(f"The audit is broken at entry {report.first_bad}: {printable(str(report.problem))}", err=True)
    if not report.ok:
        raise SystemExit(Exit.INTEGRITY)


def _shape(entry: AuditEntry) -> dict[str, Any]:
    return {
        "seq": entry.seq,
        "at": entry.at,
        "actor": entry.actor,
        "action": entry.action,
        "outcome": entry.outcome,
        "name": entry.name,
        "version": entry.version,
        "label": entry.label,
        "message": entry.message,
        "count": entry.count,
    }


def _what(row: dict[str, Any]) -> str:
    version = f"@{row['version']}" if row["version"] else ""
    return f"{row['name']}{version}{' ' + row['label'] if row['label'] else ''}"
