"""``strongroom task``: processes that carry out background tasks."""

from __future__ import annotations

import click

from strongroom.cli.outcome import CommandError, Exit
from strongroom.cli.teaching import group


@group("task", examples="strongroom task serve tasks.py:send_mail")
def task() -> None:
    """Carry out calls that task.delay sends."""


@task.command(
    "serve",
    examples="""
        strongroom task serve tasks.py:send_mail tasks.py:resize --limit 4
        strongroom task serve --module shop.tasks       # all tasks of a module
    """,
)
@click.argument("entrypoints", nargs=-1, metavar="FILE.py:TASK|MODULE:TASK…")
@click.option("-m", "--module", "modules", multiple=True, metavar="MODULE", help="All tasks of a module.")
@click.option("--limit", type=click.IntRange(1), default=10, show_default=True, help="How many go on at once.")
@click.option("--run-once", "--once", "once", is_flag=True, help="Carry out what waits now, then end.")
def serve(entrypoints: tuple[str, ...], modules: tuple[str, ...], limit: int, once: bool) -> None:
    """Carry out background calls of tasks, until Ctrl-C or SIGTERM; a second signal gives back what goes on."""
    from strongroom.background.served_tasks import load_task, tasks_of_module
    from strongroom.task_worker import TaskWorker

    tasks = [load_task(each) for each in entrypoints]
    tasks += [found for module in modules for found in tasks_of_module(module)]
    if not tasks:
        raise CommandError("No task is named.", "Name some as file.py:task, or give --module.", Exit.USAGE)
    worker = TaskWorker(*tasks, limit=limit)
    click.echo(f"Serving {', '.join(sorted(worker.tasks))}. Ctrl-C ends it.", err=True)
    worker.start(run_once=once)
