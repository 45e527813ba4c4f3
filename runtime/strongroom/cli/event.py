"""``strongroom event``: what happened, as flows told it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import click

from strongroom.cli.durations import DURATION
from strongroom.cli.output import Column, listing, moment, plain
from strongroom.cli.teaching import group, json_option

if TYPE_CHECKING:
    from strongroom.events import Event


@group(
    "event",
    aliases={"list": "ls", "delete": "prune"},
    examples="""
        strongroom event ls
        strongroom event ls strongroom.asset --since 1d
        strongroom event prune --older-than 90d
    """,
)
def event() -> None:
    """Read what flows told, and which assets they made."""


@event.command("ls", examples="strongroom event ls orders. --json | jq -r '.[].resource'")
@click.argument("prefix", default="")
@click.option("--since", type=DURATION, metavar="DURATION", help="Of the last 36h, 7d, …")
@click.option("--limit", type=click.IntRange(1), default=200, show_default=True, help="How many at most.")
@json_option
def ls(prefix: str, since: timedelta | None, limit: int, as_json: bool) -> None:
    """List events whose names start with PREFIX, newest first."""
    from strongroom.clock import now
    from strongroom.events import list_events

    found = list_events(prefix, since=None if since is None else now() - since, limit=limit)
    columns = [
        Column("occurred", "Occurred", show=moment),
        Column("event", "Event", style="bold"),
        Column("resource", "About", fold=True),
        Column("related", "Related", show=plain, fold=True),
        Column("payload", "More", show=plain, fold=True),
    ]
    listing([_shape(each) for each in found], columns, as_json=as_json, empty="Nothing was told.")


@event.command("prune", examples="strongroom event prune --older-than 90d")
@click.option(
    "--older-than", type=DURATION, required=True, metavar="DURATION", help="Keep those of the last 90d, 2w, …"
)
def prune(older_than: timedelta) -> None:
    """Remove old events."""
    from strongroom.clock import now
    from strongroom.events import delete_events

    click.echo(f"Events removed: {delete_events(now() - older_than)}")


def _shape(event: Event) -> dict[str, Any]:
    return {
        "id": event.id,
        "occurred": event.occurred,
        "event": event.event,
        "resource": event.resource.id,
        "labels": dict(event.resource),
        "related": [each.id for each in event.related],
        "payload": event.payload,
        "follows": event.follows,
        "flow_run_id": event.flow_run_id,
        "task_run_id": event.task_run_id,
    }
