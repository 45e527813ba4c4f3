"""``strongroom runs metrics``: counts and durations for Prometheus."""

from __future__ import annotations

import os
import tempfile
from datetime import datetime
from pathlib import Path

import click

from strongroom.cli.moments import MOMENT
from strongroom.cli.teaching import command


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
def metrics(since: datetime | None, target: Path | None) -> None:
    """Print counts and durations of runs in the text format of Prometheus, by flow, task and state."""
    from strongroom.telemetry.prometheus import prometheus_text

    text = prometheus_text(since=since)
    if target is None:
        click.echo(text, nl=False)
        return
    with tempfile.NamedTemporaryFile("w", dir=target.parent, suffix=".tmp", delete=False, encoding="utf-8") as part:
        part.write(text)
    os.chmod(part.name, 0o644)
    os.replace(part.name, target)
