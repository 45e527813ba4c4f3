"""``strongroom worker``: a process that carries out the runs of a work pool."""

from __future__ import annotations

import click

from strongroom.cli.outcome import CommandError, Exit
from strongroom.cli.teaching import group


@group("worker", examples="strongroom worker start --pool machines --limit 4")
def worker() -> None:
    """Carry out the runs of a work pool."""


@worker.command(
    "start",
    examples="""
        strongroom worker start --pool machines
        strongroom worker start --pool machines --limit 4 --work-queue fast
        strongroom worker start --pool machines --run-once   # what is due now
    """,
)
@click.option("-p", "--pool", "pool", required=True, metavar="NAME", help="The work pool; made if it is not there.")
@click.option("-n", "--name", metavar="NAME", help="What people read of the worker.")
@click.option("-q", "--work-queue", "queues", multiple=True, metavar="NAME", help="Only runs of this queue.")
@click.option("-t", "--type", "kind", default="process", show_default=True, help="How runs are carried out.")
@click.option("-l", "--limit", type=click.IntRange(1), help="How many runs go on at once here.")
@click.option("--run-once", "--once", "once", is_flag=True, help="Carry out what is due now, then end.")
def start(pool: str, name: str | None, queues: tuple[str, ...], kind: str, limit: int | None, once: bool) -> None:
    """Take the runs of a pool that are due, and carry out each in a process of its own, until Ctrl-C or SIGTERM.

    Then it takes no more, and waits for those that go on; a second signal asks them to end, a third ends them.
    """
    import os

    from strongroom.deployments import pools
    from strongroom.errors import UnknownWorkPool
    from strongroom.ledger import current_ledger
    from strongroom.runner import Runner

    with current_ledger().changing() as session:
        try:
            found = pools.checked_pool(session, pool)
        except UnknownWorkPool:
            found = pools.save_pool(session, pool, type=kind)
            click.echo(f"There was no work pool {pool}: it is made.", err=True)
    if found.type != kind:
        raise CommandError(f"The work pool {pool} is of the type {found.type}.", "Leave out --type.", Exit.USAGE)
    named = name or f"{os.uname().nodename}-{os.getpid()}"
    click.echo(f"The worker {named} takes runs of the pool {pool}. Ctrl-C ends it.", err=True)
    Runner(named, limit=limit, pool=pool, queues=queues).start(run_once=once)
