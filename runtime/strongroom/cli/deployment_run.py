"""``strongroom deployment run``: have a deployment run."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import click

from strongroom.cli.durations import DURATION
from strongroom.cli.outcome import CommandError, Exit
from strongroom.cli.output import moment, print_json
from strongroom.cli.run_report import report, run_shape
from strongroom.cli.teaching import command, json_option

if TYPE_CHECKING:
    from strongroom.journal import FlowRun


@command(
    "run",
    examples="""
        strongroom deployment run load/nightly
        strongroom deployment run load/nightly -p day=2026-01-01 --watch
        strongroom deployment run load/nightly --start-in 15m
        strongroom deployment run load/nightly --start-at 2026-01-31T09:00+01:00
    """,
)
@click.argument("name", metavar="FLOW/DEPLOYMENT")
@click.option(
    "-p", "--param", "params", multiple=True, metavar="NAME=VALUE",
    help="A parameter, as JSON or plain text; NAME=@FILE reads a file, NAME=- stdin.",
)  # fmt: skip
@click.option("--start-in", type=DURATION, metavar="DURATION", help="Begin after this long: 15m, 2h, 1d.")
@click.option("--start-at", metavar="TIME", help="Begin at this time, in ISO 8601; without a zone in yours.")
@click.option("--tag", "tags", multiple=True, help="A tag for the run.")
@click.option("--name", "--flow-run-name", "run_name", metavar="NAME", help="What the run is called.")
@click.option("--watch", is_flag=True, help="Wait until the run is over.")
@click.option("--watch-timeout", type=float, metavar="SECONDS", help="Wait no longer than this.")
@json_option
def run(
    name: str,
    params: tuple[str, ...],
    start_in: timedelta | None,
    start_at: str | None,
    tags: tuple[str, ...],
    run_name: str | None,
    watch: bool,
    watch_timeout: float | None,
    as_json: bool,
) -> None:
    """Have a deployment run, now or later. Whoever serves it, or works for its pool, carries it out.

    With --watch the exit code is 0 where the run completed, and 1 where not.
    """
    from strongroom.cli.run import read_parameters
    from strongroom.deployments import run_deployment

    asked: FlowRun = run_deployment(
        name,
        parameters=read_parameters(params),
        scheduled_time=_start(start_in, start_at),
        flow_run_name=run_name,
        tags=tags,
        timeout=watch_timeout if watch else 0,
    )
    if watch and asked.state.is_final():
        report(asked, as_json=as_json, ended=asked.state)
    elif as_json:
        print_json(run_shape(asked))
    else:
        click.echo(f"{asked.name} is to run at {moment(asked.expected_start_time)}  (run {str(asked.id)[:8]})")
        click.echo(f"Follow it: strongroom runs logs -f {str(asked.id)[:8]}")


def _start(start_in: timedelta | None, start_at: str | None) -> datetime | None:
    from strongroom.clock import now

    if start_in is not None and start_at is not None:
        raise CommandError("The run has two starts.", "Give --start-in or --start-at.", Exit.USAGE)
    if start_in is not None:
        return now() + start_in
    if start_at is None:
        return None
    try:
        return datetime.fromisoformat(start_at).astimezone()
    except ValueError:
        raise CommandError(f"{start_at!r:.80} is no time.", "Write 2026-01-31T09:00+01:00.", Exit.USAGE) from None
