"""``strongroom runs logs``: what a run and its tasks said."""

from __future__ import annotations

import json
import logging
import time
from collections import deque
from collections.abc import Callable, Iterator
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
        strongroom runs logs 0197c1 --task load --tail 50
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
@click.option("--task", metavar="NAME", help="Only lines of this task, or of this run of one: load, load-3.")
@click.option(
    "--tail", type=click.IntRange(1), metavar="N", help="Only the last N lines of those; then go on, with -f."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
def logs(run_id: str, follow: bool, level: str, task: str | None, tail: int | None, as_json: bool) -> None:
    """Print what a run and its tasks logged."""
    history = journal()
    run = history.flow_run(run_id)
    least = logging.getLevelNamesMapping()[level.upper()]
    names = _TaskNames(history, run)

    def wanted(entry: LogEntry) -> bool:
        return entry.level >= least and (task is None or task in names.all_of(entry))

    shown = filter(wanted, _entries(history, run, follow))
    for entry in shown if tail is None else _last(history, run, follow, tail, wanted):
        click.echo(json.dumps(_log_row(entry, names), ensure_ascii=False) if as_json else _log_line(entry, names))


def _last(
    journal: Journal, run: FlowRun, follow: bool, most: int, wanted: Callable[[LogEntry], bool]
) -> Iterator[LogEntry]:
    kept: deque[LogEntry] = deque(maxlen=most)
    last = 0
    for entry in _entries(journal, run, follow=False):
        last = entry.id
        if wanted(entry):
            kept.append(entry)
    yield from kept
    if follow:
        yield from filter(wanted, _entries(journal, run, follow, last))


class _TaskNames:
    """The names of a run's tasks, read again when a line speaks of one that is not known yet."""

    def __init__(self, journal: Journal, run: FlowRun) -> None:
        self._journal, self._run = journal, run
        self._names: dict[object, tuple[str, str]] = {}

    def of(self, entry: LogEntry) -> str:
        """The name of the run that said it."""
        return self.all_of(entry)[0]

    def all_of(self, entry: LogEntry) -> tuple[str, str]:
        """That, and the name of its task; empty for the flow."""
        if entry.task_run_id is None:
            return self._run.name, ""
        if entry.task_run_id not in self._names:
            self._names = {task.id: (task.name, task.task_name) for task in self._journal.task_runs(self._run.id)}
        return self._names.get(entry.task_run_id, (str(entry.task_run_id)[:8], ""))


def _entries(journal: Journal, run: FlowRun, follow: bool, last: int = 0) -> Iterator[LogEntry]:
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
