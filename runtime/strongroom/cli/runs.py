"""``strongroom runs``: what flows did, what they said, and how to go on with one that was killed."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from strongroom.cli.completion import run_ids
from strongroom.cli.outcome import CommandError, Exit
from strongroom.cli.output import Column, duration, facts, listing, moment, print_json, printable
from strongroom.cli.run_report import is_lost, report, run_shape
from strongroom.cli.run_tree import MARKS, draw, elapsed, grow
from strongroom.cli.teaching import group, json_option

if TYPE_CHECKING:
    from strongroom.journal import FlowRun, Journal, LogEntry

POLL_SECONDS = 0.5
LOST = ", lost"
_STYLES = {
    "Completed": "green",
    "Cached": "green",
    "Failed": "red",
    "TimedOut": "red",
    "Crashed": "magenta",
    "Running": "cyan",
}


def _state_style(name: str) -> str:
    return _STYLES.get(name, "")


COLUMNS = [
    Column("id", "Id", show=lambda value: value[:8], style="cyan"),
    Column("flow", "Flow"),
    Column("name", "Name", fold=True),
    Column("state_name", "State", style=_state_style),
    Column("started", "Started"),
    Column("seconds", "Took", show=duration, right=True),
]
run_id_argument = click.argument("run_id", metavar="ID", shell_complete=run_ids)


@group(
    "runs",
    aliases={"list": "ls", "inspect": "show", "log": "logs"},
    examples="""
        strongroom runs ls
        strongroom runs show 0197c1     # the first characters of an id will do
        strongroom runs logs -f 0197c1
        strongroom runs resume 0197c1
    """,
)
def runs() -> None:
    """See what flows did, follow them, resume them."""


@runs.command(
    "ls",
    examples="""
        strongroom runs ls
        strongroom runs ls --state failed --flow nightly
        strongroom runs ls --json | jq -r '.[].id'
    """,
)
@click.option("--state", "states", multiple=True, metavar="STATE", help="Only runs in this state; can be repeated.")
@click.option("--flow", metavar="NAME", help="Only runs of this flow.")
@click.option("--subflows", is_flag=True, help="Show the runs of subflows too.")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1), help="How many, newest first.")
@json_option
def ls(states: tuple[str, ...], flow: str | None, subflows: bool, limit: int, as_json: bool) -> None:
    """List the runs of flows, newest first."""
    found = _journal().flow_runs(states=_types(states), flow=flow, subflows=subflows, limit=limit)
    empty = "No run fits." if states or flow else "No flow has run yet. Run one: strongroom run flow.py:my_flow"
    rows = [run_shape(run) for run in found]
    if not as_json:
        for row in rows:
            row["state_name"] += LOST if row["lost"] else ""
    listing(rows, COLUMNS, as_json=as_json, empty=empty)


@runs.command(
    "show",
    examples="""
        strongroom runs show 0197c1
        strongroom runs show 0197c1 --all       # every one of many mapped tasks
        strongroom runs show 0197c1 --json | jq '.tree.children[].state_name'
    """,
)
@run_id_argument
@click.option("--all", "every", is_flag=True, help="Draw every task run, however many there are.")
@json_option
def show(run_id: str, every: bool, as_json: bool) -> None:
    """Show a run: its state, its parameters, the blocks it loaded, and the tree of its task runs with their times."""
    journal = _journal()
    run = journal.flow_run(run_id)
    tree = grow(journal, run)
    if as_json:
        print_json({**run_shape(run), "tree": tree.to_json()})
        return
    facts(_facts(run), {"State": MARKS[run.state.type.value][1]})
    click.echo()
    click.echo("\n".join(draw(tree, every=every)))
    short = str(run.id)[:8]
    if is_lost(run):
        click.echo(f"\nIts process is gone. Go on where it stopped: strongroom runs resume {short}", err=True)
    elif run.state.is_final() and not run.state.is_completed():
        click.echo(f"\nIts log: strongroom runs logs {short}   Go on: strongroom runs resume {short}", err=True)


@runs.command(
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
    journal = _journal()
    run = journal.flow_run(run_id)
    least = logging.getLevelNamesMapping()[level.upper()]
    names = _TaskNames(journal, run)
    for entry in _entries(journal, run, follow):
        if entry.level >= least:
            click.echo(json.dumps(_log_row(entry, names), ensure_ascii=False) if as_json else _log_line(entry, names))


@runs.command(
    "resume",
    examples="""
        strongroom runs resume 0197c1
    """,
)
@run_id_argument
@json_option
def resume(run_id: str, as_json: bool) -> None:
    """Go on with a run that failed or was killed. What completed before is not run again."""
    from strongroom.resume import resume as resume_run

    journal = _journal()
    run = journal.flow_run(run_id)
    resume_run(str(run.id))
    report(journal.flow_run(str(run.id)), as_json=as_json)


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


def _journal() -> Journal:
    from strongroom.journal import current_journal

    return current_journal()


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


def _types(names: tuple[str, ...]) -> list[Any] | None:
    from strongroom.states import StateType

    known = {type_.value.lower(): type_ for type_ in StateType}
    for name in names:
        if name.lower() not in known:
            raise CommandError(f"There is no state {name!r:.80}.", f"Use {', '.join(known)}.", Exit.USAGE)
    return [known[name.lower()] for name in names] or None


def _facts(run: FlowRun) -> list[tuple[str, str]]:
    parameters = json.dumps(run.parameters_shown, ensure_ascii=False, default=str) if run.parameters_shown else ""
    message = f": {run.state.message}" if run.state.message and not run.state.is_completed() else ""
    return [
        ("Run", f"{run.name}  {run.id}"),
        ("Flow", f"{run.flow_name}  {run.entrypoint or ''}".rstrip()),
        ("State", run.state.name + (LOST if is_lost(run) else message)),
        ("Started", f"{moment(run.start_time)}  took {duration(elapsed(run))}" if run.start_time else ""),
        ("Parameters", parameters),
        ("Blocks", ", ".join(run.blocks)),
        ("Tags", ", ".join(sorted(run.tags))),
    ]


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
