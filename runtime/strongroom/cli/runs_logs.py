"""``strongroom runs logs``: what a run and its tasks said."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from strongroom.cli.output import printable
from strongroom.cli.run_choice import journal, run_id_argument
from strongroom.cli.run_report import is_lost
from strongroom.cli.teaching import command

if TYPE_CHECKING:
    from strongroom.journal import FlowRun, Journal, LogEntry

POLL_SECONDS = 0.5


@command(
    "logs",
    examples="""
        strongroom runs logs 0197c1
        strongroom runs logs -f 0197c1               # until the run ends
        strongroom runs logs 0197c1 --level warning
        strongroom runs logs 0197c1 --json | jq -r .message
    """,
)
@run_id_argument
@click.option("-f", "--follow", is_flag=True, help="Go on until the run ends.")
@click.option(
    "--level",
    default="debug",
    type=click.Choice(["debug", "info", "warning", "error", "critical"], case_sensitive=False),
    help="Only lines of this level or above.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
def logs(run_id: str, follow: bool, level: str, as_json: bool) -> None:
    """Print what a run and its tasks logged."""
    history = journal()
    run = history.flow_run(run_id)
    least = logging.getLevelNamesMapping()[level.upper()]
    names = _TaskNames(history, run)
    for entry in _entries(history, run, follow):
        if entry.level >= least:
            click.echo(json.dumps(_log_row(entry, names), ensure_ascii=False) if as_json else _log_line(entry, names))


class _TaskNames:
    """The names of a run's tasks, read again when a line speaks of one that is not known yet."""

    def __init__(self, journal: Journal, run: FlowRun) -> None:
        self._journal, self._run = journal, run
        self._names: dict[object, str] = {}

    def of(self, entry: LogEntry) -> str:
        if entry.task_run_id is None:
            return self._run.name
        if entry.task_run_id not in self._names:
            self._names = {task.id: task.name for task in self._journal.task_runs(self._run.id)}
        return self._names.get(entry.task_run_id, str(entry.task_run_id)[:8])


def _entries(journal: Journal, run: FlowRun, follow: bool) -> Iterator[LogEntry]:
    last = 0
    while True:
        over = not follow or _is_over(journal, run)
        page = journal.logs(run.id, after=last, limit=1000)
        while page:
            yield from page
            last = page[-1].id
            page = journal.logs(run.id, after=last, limit=1000)
        if over:
            return
        time.sleep(POLL_SECONDS)


def _is_over(journal: Journal, run: FlowRun) -> bool:
    now = journal.flow_run(str(run.id))
    return now.state.is_final() or is_lost(now)


def _log_row(entry: LogEntry, names: _TaskNames) -> dict[str, Any]:
    return {
        "timestamp": entry.timestamp.isoformat(),
        "level": logging.getLevelName(entry.level),
        "logger": entry.logger,
        "flow_run": str(entry.flow_run_id) if entry.flow_run_id else None,
        "task_run": str(entry.task_run_id) if entry.task_run_id else None,
        "name": names.of(entry),
        "message": entry.message,
    }


def _log_line(entry: LogEntry, names: _TaskNames) -> str:
    level = logging.getLevelName(entry.level)
    colour = {"WARNING": "yellow", "ERROR": "red", "CRITICAL": "red"}.get(level)
    when = entry.timestamp.astimezone().strftime("%H:%M:%S.%f")[:-3]
    head = f"{click.style(when, dim=True)} {click.style(f'{level:<7}', fg=colour)} {printable(names.of(entry))}"
    return f"{head}  {printable(entry.message)}"
