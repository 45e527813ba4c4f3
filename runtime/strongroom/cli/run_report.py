"""How the end of a run is told, to people and as JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from strongroom.cli.outcome import Exit, redacted
from strongroom.cli.output import duration, print_json, printable
from strongroom.cli.run_tree import elapsed, mark

if TYPE_CHECKING:
    from strongroom.journal import FlowRun
    from strongroom.states import State


def report(flow_run: FlowRun, *, as_json: bool, ended: State[Any] | None = None) -> None:
    """Say how a run ended, and exit with 1 where it did not complete, unless it waits to be resumed.

    ``ended`` is its last state where that holds what the flow returned, which is said too.
    """
    state = flow_run.state
    short = str(flow_run.id)[:8]
    if as_json:
        print_json({**run_shape(flow_run), **({} if ended is None else {"result": result_shape(ended)})})
    elif state.is_completed():
        took = duration(elapsed(flow_run))
        click.echo(
            f"{mark(state.type.value)} {flow_run.flow_name} {flow_run.name}: {state.name} in {took}  (run {short})"
        )
        returned = None if ended is None else result_shape(ended)
        if returned is not None:
            text = returned if isinstance(returned, str) else json.dumps(returned, indent=2, ensure_ascii=False)
            click.echo(printable(text))
    elif state.is_paused():
        click.echo(
            f"{mark(state.type.value)} {flow_run.flow_name} {flow_run.name}: {state.name}. "
            f"Resume it: strongroom runs resume {short}"
        )
    else:
        reason = printable(redacted(state.message or "")).strip()
        click.echo(f"{mark(state.type.value)} {flow_run.flow_name} {flow_run.name}: {state.name}. {reason}", err=True)
        hint_at_resumption(flow_run)
    if not state.is_completed() and not state.is_paused():
        raise SystemExit(Exit.FAILED)


def result_shape(state: State[Any]) -> Any:
    """What a flow returned, as JSON has it and without secrets: whole where JSON has such values, else as it is shown
    in the run history; None where it did not complete, or nothing was kept."""
    from strongroom.errors import ResultProblem
    from strongroom.shown import shown

    if not state.is_completed():
        return None
    try:
        value = state.result()
    except ResultProblem:
        return None
    try:
        return json.loads(redacted(json.dumps(value, ensure_ascii=False, allow_nan=False)))
    except (TypeError, ValueError, RecursionError):
        return shown({"result": value})["result"]


def hint_at_resumption(flow_run: FlowRun) -> None:
    """Say how a run that did not complete goes on, if its parameters were kept."""
    short = str(flow_run.id)[:8]
    onward = f"   Go on where it stopped: strongroom runs resume {short}" if flow_run.sealed_parameters else ""
    click.echo(f"Look: strongroom runs show {short}{onward}", err=True)


def run_shape(run: FlowRun) -> dict[str, Any]:
    """A run as ``strongroom runs ls --json`` documents it."""
    return {
        "id": str(run.id),
        "flow": run.flow_name,
        "name": run.name,
        "state": run.state.type.value,
        "state_name": run.state.name,
        "lost": is_lost(run),
        "message": run.state.message or "",
        "started": run.start_time,
        "ended": run.end_time,
        "seconds": elapsed(run),
        "run_count": run.run_count,
        "parameters": run.parameters_shown,
        "blocks": run.blocks,
        "tags": sorted(run.tags),
        "entrypoint": run.entrypoint,
        "parent": str(run.parent_flow_run_id) if run.parent_flow_run_id else None,
        "created": run.created,
        "expected_start": run.expected_start,
        "deployment": run.deployment,
        "replay_of": str(run.replay_of) if run.replay_of else None,
    }


def is_lost(run: FlowRun) -> bool:
    """Whether a run that is not over has no process any more."""
    from strongroom.liveness import is_alive
    from strongroom.states import StateType

    return run.state.type is StateType.RUNNING and not is_alive(run)
