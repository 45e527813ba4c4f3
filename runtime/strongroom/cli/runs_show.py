"""``strongroom runs show``: one run, whole."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from strongroom.cli.output import duration, facts, moment, print_json, printable
from strongroom.cli.run_choice import LOST, journal, run_id_argument
from strongroom.cli.run_report import is_lost, run_shape
from strongroom.cli.run_tree import MARKS, draw, elapsed, grow
from strongroom.cli.teaching import command, json_option

if TYPE_CHECKING:
    from strongroom.artifacts import Artifact
    from strongroom.input.answering import Question
    from strongroom.journal import FlowRun


@command(
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
    """Show a run: its state, its parameters, the blocks it loaded, and the tree of its task runs with their times.

    Where a task asked the cache, it stands below the task why its result was taken from there, or was not.
    """
    from strongroom.artifacts import artifacts_of

    history = journal()
    run = history.flow_run(run_id)
    tree = grow(history, run)
    shown, question = artifacts_of(run.id), _question(run)
    if as_json:
        artifacts = [_artifact_shape(artifact) for artifact in shown]
        waits_for = None if question is None else _question_shape(question)
        print_json({**run_shape(run), "artifacts": artifacts, "waits_for": waits_for, "tree": tree.to_json()})
        return
    facts([*_facts(run), *_asked(question), *_shown(shown)], {"State": MARKS[run.state.type.value][1]})
    click.echo()
    click.echo("\n".join(draw(tree, every=every)))
    _hint(run, question)


def _hint(run: FlowRun, question: Question | None) -> None:
    """How to go on with a run that does not by itself."""
    short = str(run.id)[:8]
    if question is not None or run.state.is_paused():
        answers = "".join(f" --input {name}=…" for name in (question.fields if question else ()))
        click.echo(f"\nIt waits for somebody: strongroom runs resume {short}{answers}", err=True)
    elif is_lost(run):
        click.echo(f"\nIts process is gone. Go on where it stopped: strongroom runs resume {short}", err=True)
    elif run.state.is_final() and not run.state.is_completed():
        onward = f"   Go on: strongroom runs resume {short}" if run.sealed_parameters else ""
        click.echo(f"\nIts log: strongroom runs logs {short}{onward}", err=True)


def _question(run: FlowRun) -> Question | None:
    """What a run that is not over waits for."""
    if run.state.is_final() or run.start_time is None:
        return None
    from strongroom.input.answering import question_of

    return question_of(run)


def _facts(run: FlowRun) -> list[tuple[str, str]]:
    parameters = json.dumps(run.parameters_shown, ensure_ascii=False, default=str) if run.parameters_shown else ""
    message = f": {run.state.message}" if run.state.message and not run.state.is_completed() else ""
    return [
        ("Run", f"{run.name}  {run.id}"),
        ("Flow", f"{run.flow_name}  {run.entrypoint or ''}".rstrip()),
        ("Deployment", run.deployment),
        ("Replay of", str(run.replay_of or "")),
        ("State", run.state.name + (LOST if is_lost(run) else message)),
        ("Expected", moment(run.expected_start)),
        ("Started", f"{moment(run.start_time)}  took {duration(elapsed(run))}" if run.start_time else ""),
        ("Attempts", str(run.run_count) if run.run_count > 1 else ""),
        ("Parameters", parameters),
        ("Blocks", ", ".join(run.blocks)),
        ("Tags", ", ".join(sorted(run.tags))),
    ]


def _asked(question: Question | None) -> list[tuple[str, str]]:
    if question is None:
        return []
    until = f" until {moment(question.pause.until)}" if question.pause.until else ""
    wanted = [name if name in question.required else f"{name} (optional)" for name in question.fields]
    return [
        ("Waits", f"for {', '.join(wanted) if wanted else 'somebody to resume it'}{until}"),
        ("Asks", (question.description or "").strip().partition("\n")[0]),
    ]


def _shown(artifacts: list[Artifact]) -> list[tuple[str, str]]:
    told = [f"{artifact.key or str(artifact.id)[:8]} ({artifact.type})" for artifact in artifacts]
    return [("Artifacts", printable(", ".join(told)))]


def _artifact_shape(artifact: Artifact) -> dict[str, Any]:
    return {
        "id": str(artifact.id),
        "key": artifact.key,
        "type": artifact.type,
        "description": artifact.description,
        "task_run": str(artifact.task_run_id) if artifact.task_run_id else None,
        "updated": artifact.updated,
    }


def _question_shape(question: Question) -> dict[str, Any]:
    return {
        "run": str(question.run.id),
        "schema": question.schema,
        "description": question.description,
        "until": question.pause.until,
    }
