"""``strongroom artifact``: what runs showed, as a terminal can show it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from strongroom.cli.completion import artifact_keys
from strongroom.cli.confirmation import confirm, yes_option
from strongroom.cli.outcome import CommandError, Exit
from strongroom.cli.output import Column, counted, facts, listing, moment, print_json
from strongroom.cli.teaching import group, json_option

if TYPE_CHECKING:
    from strongroom.artifacts import Artifact

limit_option = click.option("--limit", type=click.IntRange(1), default=100, show_default=True, help="How many at most.")


@group(
    "artifact",
    aliases={"list": "ls", "show": "inspect", "rm": "delete"},
    examples="""
        strongroom artifact ls
        strongroom artifact inspect sales-report
    """,
)
def artifact() -> None:
    """Read the tables, reports and links of runs."""


@artifact.command(
    "ls",
    examples="""
        strongroom artifact ls
        strongroom artifact ls --all          # every version
        strongroom artifact ls --run 0197c1
    """,
)
@limit_option
@click.option("--all", "every", is_flag=True, help="Every version, not the newest of each key alone.")
@click.option("--run", "run_id", metavar="ID", help="Those of one flow run and its tasks.")
@json_option
def ls(limit: int, every: bool, run_id: str | None, as_json: bool) -> None:
    """List artifacts, the newest first."""
    from strongroom.artifacts import artifacts_of, list_artifacts

    if run_id is None:
        found = list_artifacts(every=every, limit=limit)
    else:
        from strongroom.journal import current_journal

        found = artifacts_of(current_journal().flow_run(run_id).id)[::-1][:limit]
    columns = [
        Column("id", "Id", show=lambda value: str(value)[:8], style="cyan"),
        Column("key", "Key", style="bold"),
        Column("type", "Type"),
        Column("description", "Description", show=lambda text: text.strip().partition("\n")[0], fold=True),
        Column("flow_run_id", "Run", show=lambda value: str(value)[:8]),
        Column("updated", "Updated", show=moment),
    ]
    listing([_shape(each) for each in found], columns, as_json=as_json, empty="There are no artifacts.")


@artifact.command(
    "inspect",
    examples="""
        strongroom artifact inspect sales-report
        strongroom artifact inspect sales-report --limit 1    # the newest version
        strongroom artifact inspect 0b6f6a1e-5d8e-4d3c-9a55-0f7d0a6f2c11
    """,
)
@click.argument("key", shell_complete=artifact_keys)
@click.option("--limit", type=click.IntRange(1), default=10, show_default=True, help="How many versions at most.")
@json_option
def inspect(key: str, limit: int, as_json: bool) -> None:
    """Show the versions of an artifact, the newest first, or the one of an id."""
    from strongroom.artifacts import find_artifact, list_artifacts

    found = list_artifacts(key=key, limit=limit)
    if not found and (one := find_artifact(key)) is not None:
        found = [one]
    if not found:
        raise CommandError(
            f"There is no artifact {key!r:.80}.", "See those there are: strongroom artifact ls", Exit.NOT_FOUND
        )
    if as_json:
        print_json([_shape(each) for each in found])
        return
    from strongroom.cli.artifact_view import show

    for number, each in enumerate(found):
        if number:
            click.echo()
        facts([
            ("Key", each.key or ""), ("Id", str(each.id)), ("Type", each.type or ""), ("Updated", moment(each.updated)),
            ("Flow run", str(each.flow_run_id or "")), ("Task run", str(each.task_run_id or "")),
        ])  # fmt: skip
        click.echo()
        show(each)


@artifact.command(
    "delete",
    examples="""
        strongroom artifact delete sales-report --yes       # every version
        strongroom artifact delete --id 0b6f6a1e-5d8e-4d3c-9a55-0f7d0a6f2c11
    """,
)
@click.argument("key", required=False, shell_complete=artifact_keys)
@click.option("--id", "artifact_id", metavar="ID", help="One version alone, by its id.")
@yes_option
def delete(key: str | None, artifact_id: str | None, yes: bool) -> None:
    """Remove an artifact: every version of a key, or the one of an id."""
    from strongroom.artifacts import delete_artifacts, find_artifact, list_artifacts

    if (key is None) == (artifact_id is None):
        raise CommandError("What is to be removed?", "Give a key, or --id with an id.", Exit.USAGE)
    name = key or artifact_id or ""
    found = list_artifacts(key=key, limit=1) if key is not None else find_artifact(name)
    if not found:
        raise CommandError(
            f"There is no artifact {name!r:.80}.", "See those there are: strongroom artifact ls", Exit.NOT_FOUND
        )
    if not yes:
        confirm(name, to="remove", done="removed")
    removed = delete_artifacts(key=key, artifact_id=artifact_id)
    click.echo(f"{name}: {counted(removed, 'version')} removed.")


def _shape(found: Artifact) -> dict[str, Any]:
    """The shape that ``strongroom artifact … --json`` documents."""
    data = found.data
    if found.type == "table" and isinstance(data, str):
        data = json.loads(data)
    return {
        "id": str(found.id), "created": found.created, "updated": found.updated, "key": found.key, "type": found.type,
        "description": found.description, "data": data, "flow_run_id": found.flow_run_id,
        "task_run_id": found.task_run_id,
    }  # fmt: skip
