"""``strongroom runs metrics``: counts and durations for Prometheus."""

from __future__ import annotations

import os
import tempfile
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from strongroom.cli.moments import MOMENT
from strongroom.cli.outcome import CommandError, Exit
from strongroom.cli.output import print_json
from strongroom.cli.run_choice import journal
from strongroom.cli.teaching import command, json_option

if TYPE_CHECKING:
    from strongroom.journal.tally import Tally


@command(
    "metrics",
    examples="""
        strongroom runs metrics
        strongroom runs metrics --since 30d
        strongroom runs metrics --file /var/lib/node_exporter/runs.prom
    """,
)
@click.option("--since", type=MOMENT, help="Only runs from this time on: 30d, 2026-01-31.")
@click.option("--file", "target", type=click.Path(path_type=Path), help="Replace this file in one go.")
@json_option
def metrics(since: datetime | None, target: Path | None, as_json: bool) -> None:
    """Print counts and durations of runs in the text format of Prometheus, by flow, task and state."""
    from strongroom.telemetry.prometheus import prometheus_text

    if as_json:
        if target is not None:
            raise CommandError("The file is for Prometheus, which reads no JSON.", "Leave out one of both.", Exit.USAGE)
        print_json([_shape(tally) for tally in journal().tallies(since)])
        return
    text = prometheus_text(since=since)
    if target is None:
        click.echo(text, nl=False)
        return
    with tempfile.NamedTemporaryFile("w", dir=target.parent, suffix=".tmp", delete=False, encoding="utf-8") as part:
        part.write(text)
    os.chmod(part.name, 0o644)
    os.replace(part.name, target)


def _shape(tally: Tally) -> dict[str, Any]:
    from strongroom.journal.tally import BOUNDS

    return {
        "kind": tally.kind,
        "name": tally.name,
        "state_name": tally.state,
        "runs": tally.runs,
        "timed": tally.timed,
        "seconds": tally.seconds,
        "within": {f"{bound:g}": count for bound, count in zip(BOUNDS, tally.within, strict=True)},
        "last_end": tally.last_end,
    }
