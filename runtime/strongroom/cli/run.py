"""``strongroom run``: run a flow from a file or a module."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from strongroom.cli.outcome import CommandError, Exit, redacted
from strongroom.cli.output import duration, print_json, printable
from strongroom.cli.run_tree import elapsed, mark
from strongroom.cli.teaching import command, json_option

if TYPE_CHECKING:
    from strongroom.journal import FlowRun


@command(
    "run",
    examples="""
        strongroom run flow.py:nightly
        strongroom run flow.py                       # where the file has one flow
        strongroom run shop.flows:nightly -p day=2026-01-01 -p limit=100
        strongroom run flow.py:nightly -p 'stores=["lake", "archive"]'
        strongroom run flow.py:nightly -p rows=@rows.json
    """,
)
@click.argument("entrypoint", metavar="FILE.py:FLOW|MODULE:FLOW")
@click.option(
    "-p", "--param", "params", multiple=True, metavar="NAME=VALUE",
    help="A parameter, as JSON or plain text; NAME=@FILE reads a file, NAME=- stdin.",
)  # fmt: skip
@json_option
def run(entrypoint: str, params: tuple[str, ...], as_json: bool) -> None:
    """Run a flow.

    Its log goes to standard error and to the run history. The exit code is 0 where the run completed and 1 where not.
    """
    from strongroom import engine
    from strongroom.calls.flow_call import FlowCall
    from strongroom.entrypoints import load_flow

    parameters = read_parameters(params)
    flow = load_flow(entrypoint)
    call = FlowCall(flow, flow.signature.bind((), parameters))
    try:
        engine.interrupt(engine.carry_out(call))
    except KeyboardInterrupt:
        _hint_at_resumption(call.flow_run)
        raise
    report(call.flow_run, as_json=as_json)


def read_parameters(params: tuple[str, ...]) -> dict[str, Any]:
    """``name=value`` texts as a mapping; values are JSON where they are valid JSON, else texts."""
    parameters: dict[str, Any] = {}
    for text in params:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise CommandError(f"{text!r:.80} is no parameter.", "Write -p name=value", Exit.USAGE)
        if name in parameters:
            raise CommandError(f"The parameter {name!r} is given twice.", "Give it once.", Exit.USAGE)
        parameters[name] = _value(value)
    return parameters


def report(flow_run: FlowRun, *, as_json: bool) -> None:
    """Say how a run ended, and exit with 1 where it did not complete."""
    state = flow_run.state
    short = str(flow_run.id)[:8]
    if as_json:
        from strongroom.cli.runs import run_shape

        print_json(run_shape(flow_run))
    elif state.is_completed():
        took = duration(elapsed(flow_run))
        click.echo(
            f"{mark(state.type.value)} {flow_run.flow_name} {flow_run.name}: {state.name} in {took}  (run {short})"
        )
    else:
        reason = printable(redacted(state.message or "")).strip()
        click.echo(f"{mark(state.type.value)} {flow_run.flow_name} {flow_run.name}: {state.name}. {reason}", err=True)
        _hint_at_resumption(flow_run)
    if not state.is_completed():
        raise SystemExit(Exit.FAILED)


def _hint_at_resumption(flow_run: FlowRun) -> None:
    short = str(flow_run.id)[:8]
    click.echo(f"Look: strongroom runs show {short}   Go on where it stopped: strongroom runs resume {short}", err=True)


def _value(text: str) -> Any:
    if text == "-":
        text = sys.stdin.read()
    elif text.startswith("@"):
        text = Path(text[1:]).expanduser().read_text(encoding="utf-8")
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
