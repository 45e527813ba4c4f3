"""``strongroom deploy``: have a flow run by itself."""

from __future__ import annotations

from typing import Any

import click

from strongroom.cli.output import print_json
from strongroom.cli.run import read_parameters
from strongroom.cli.schedule_options import schedule_options, schedules_of
from strongroom.cli.teaching import command, json_option


@command(
    "deploy",
    examples="""
        strongroom deploy flows.py:load -n nightly --pool machines --cron '0 4 * * *'
        strongroom deploy flows.py:load -n hourly --pool machines --interval 3600
        strongroom deploy flows.py:load -n git --pool machines \\
            --source https://example.com/flows.git
    """,
)
@click.argument("entrypoint", metavar="FILE.py:FLOW|MODULE:FLOW")
@click.option("-n", "--name", required=True, help="The deployment's name.")
@click.option("--pool", "pool", required=True, metavar="NAME", help="The work pool whose workers run it.")
@click.option("-q", "--work-queue", "queue", metavar="NAME", help="A part of the pool that workers can ask for.")
@schedule_options
@click.option("-p", "--param", "params", multiple=True, metavar="NAME=VALUE", help="A parameter: JSON, or plain text.")
@click.option("-t", "--tag", "tags", multiple=True, help="A tag for each run.")
@click.option("-d", "--description", help="What people read.")
@click.option("-v", "--version", help="The flow's own where none is given.")
@click.option("--concurrency-limit", type=click.IntRange(1), help="How many runs go on at once, in all processes.")
@click.option("--paused/--not-paused", default=None, help="Whether schedules make runs yet; as before if not given.")
@click.option("--source", metavar="FOLDER|URL", help="A git repository, or a folder, that the flow is taken from.")
@json_option
def deploy(
    entrypoint: str,
    name: str,
    pool: str,
    queue: str | None,
    params: tuple[str, ...],
    tags: tuple[str, ...],
    description: str | None,
    version: str | None,
    concurrency_limit: int | None,
    paused: bool | None,
    source: str | None,
    as_json: bool,
    **when: Any,
) -> None:
    """Have a flow run by itself, carried out by workers.

    A deployment of the same name is changed; schedules that it has and that are the same go on where they are.
    """
    from strongroom.cli.deployment import found
    from strongroom.cli.deployment_shapes import deployment_shape
    from strongroom.deployments.runner import RunnerDeployment, next_steps

    options: dict[str, Any] = {
        "schedules": schedules_of(**when),
        "parameters": read_parameters(params),
        "tags": tags,
        "description": description,
        "version": version,
        "concurrency_limit": concurrency_limit,
        "paused": paused,
        "work_pool_name": pool,
        "work_queue_name": queue,
    }
    if source is None:
        made = RunnerDeployment.from_entrypoint(entrypoint, name, **options)
    else:
        made = RunnerDeployment.from_storage(source, entrypoint, name, **options)
    made.apply()
    if as_json:
        print_json(deployment_shape(found(made.full_name)))
    else:
        click.echo(next_steps(pool, made.full_name))
