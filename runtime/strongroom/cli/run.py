"""``strongroom run``: run a flow from a file or a module."""

from __future__ import annotations

import json
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import click

from strongroom.cli.outcome import CommandError, Exit
from strongroom.cli.run_report import hint_at_resumption, report
from strongroom.cli.teaching import command, json_option


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
@click.option(
    "--live/--no-live", "live", default=True,
    help="Show the tasks while they run, where standard error is a terminal; by default they are.",
)  # fmt: skip
@json_option
def run(entrypoint: str, params: tuple[str, ...], live: bool, as_json: bool) -> None:
    """Run a flow.

    Its log goes to standard error and to the run history, what it returned to standard output, secrets as stars. The
    exit code is 0 where the run completed and 1 where not.
    """
    from strongroom import engine
    from strongroom.calls.flow_call import FlowCall
    from strongroom.entrypoints import load_flow
    from strongroom.live import showing

    parameters = read_parameters(params)
    flow = load_flow(entrypoint)
    call = FlowCall(flow, flow.signature.bind((), parameters))
    try:
        with showing() if live else nullcontext():
            state = engine.carry_out(call)
            engine.interrupt(state, asked=True)
    except KeyboardInterrupt:
        hint_at_resumption(call.flow_run)
        raise
    report(call.flow_run, as_json=as_json, ended=state)


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


def _value(text: str) -> Any:
    if text == "-":
        text = sys.stdin.read()
    elif text.startswith("@"):
        text = Path(text[1:]).expanduser().read_text(encoding="utf-8")
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
