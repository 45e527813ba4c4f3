"""``strongroom run``: run a flow from a file or a module."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import click

from strongroom.cli.outcome import CommandError, Exit, redacted
from strongroom.cli.output import duration, print_json, printable
from strongroom.cli.run_tree import MARKS, elapsed, mark
from strongroom.cli.teaching import command, json_option

if TYPE_CHECKING:
    from strongroom.flows import Flow
    from strongroom.states import State


@command(
    "run",
    examples="""
        strongroom run flow.py:nightly
        strongroom run flow.py                            # where the file has one flow
        strongroom run shop.flows:nightly -p day=2026-01-01 -p limit=100
        strongroom run flow.py:nightly -p 'stores=["lake", "archive"]'
        strongroom run flow.py:nightly -p rows=@rows.json -p note=-     # file, stdin
    """,
)
@click.argument("entrypoint", metavar="PATH.py:FLOW|MODULE:FLOW")
@click.option(
    "-p", "--param", "params", multiple=True, metavar="NAME=VALUE",
    help="A parameter; JSON, or a plain text. @FILE reads a file, - reads standard input.",
)  # fmt: skip
@json_option
def run(entrypoint: str, params: tuple[str, ...], as_json: bool) -> None:
    """Run a flow here and now.

    Its log goes to standard error. The exit code is 0 where the run completed and 1 where it did not.
    """
    from strongroom.entrypoints import load_flow

    parameters = read_parameters(params)
    flow = load_flow(entrypoint)
    check_parameters(flow, parameters)
    state = flow(**parameters, return_state=True)
    report(None, state, as_json=as_json)


def read_parameters(params: tuple[str, ...]) -> dict[str, Any]:
    """``name=value`` texts as a mapping; values are JSON where they are valid JSON, else texts."""
    parameters: dict[str, Any] = {}
    for text in params:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise CommandError(f"{text!r:.80} is no parameter.", "Write -p name=value.", Exit.USAGE)
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
    except ValueError:
        return text
