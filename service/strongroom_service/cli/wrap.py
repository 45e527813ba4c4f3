"""``strongroom wrap`` and ``strongroom unwrap``: hand a secret over by a token that opens it once."""

from __future__ import annotations

import json
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from strongroom.cli.durations import DURATION, written
from strongroom.cli.outcome import CommandError, Exit
from strongroom.cli.output import facts, moment, print_json
from strongroom.cli.teaching import command, json_option

from strongroom_service.cli.session import asked_service

if TYPE_CHECKING:
    from pydantic import BaseModel

    from strongroom_service.http.stages.wrapping import WrapModel

    M = TypeVar("M", bound=BaseModel)

_INPUT_MAX = 1024 * 1024


@command(
    "wrap",
    examples="""
        strongroom block reveal prod-crm | strongroom wrap --ttl 1h
        strongroom wrap note.txt --ttl 15m
    """,
)
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True), default="-")
@click.option("--ttl", type=DURATION, default=timedelta(hours=1), help="How long it can be opened; by default 1h.")
@json_option
def wrap(file: Path, ttl: timedelta, as_json: bool) -> None:
    """Hand a value over by a token that opens it once.

    The value is what FILE or standard input holds: JSON, or else a text; on a terminal it is asked for. The server
    keeps it, and the token is printed. Give the token to whoever is to have it, who runs `strongroom unwrap`. If that
    fails because the token was used before, somebody else has the value.
    """
    from strongroom_service.api.wraps import NewWrap
    from strongroom_service.http.stages.wrapping import WrapModel

    body = NewWrap(value=_value(file), ttl_seconds=int(ttl.total_seconds()))
    with asked_service() as client:
        told = client.send("POST", "/wraps", body, WrapModel)
    _tell(told, as_json)


@command(
    "unwrap",
    examples="""
        strongroom unwrap                          # asks for the token, and hides it
        strongroom unwrap < token.txt
        strongroom unwrap --lookup < token.txt     # what it is of, unopened
    """,
)
@click.option("--lookup", is_flag=True, help="Say what the token is of, without opening it.")
@click.option("--rewrap", is_flag=True, help="Replace the token by a new one, for as long again.")
@json_option
def unwrap(lookup: bool, rewrap: bool, as_json: bool) -> None:
    """Open what somebody wrapped.

    The token is asked for, or read from standard input; it opens once. No login is needed: who has the token may open
    it. A text is printed as it is, anything else as JSON.
    """
    from strongroom_service.api.wraps import UnwrappedModel
    from strongroom_service.http.stages.wrapping import WrapModel

    if lookup and rewrap:
        raise click.UsageError("--lookup and --rewrap exclude each other.")
    token = _token()
    if lookup or rewrap:
        told = _ask("/wraps/lookup" if lookup else "/wraps/rewrap", token, WrapModel)
        _tell(told, as_json)
        return
    found = _ask("/wraps/unwrap", token, UnwrappedModel)
    if as_json:
        print_json(found.model_dump())
    elif isinstance(found.value, str):
        click.echo(found.value)
    else:
        print_json(found.value)


def _ask(path: str, token: str, model: type[M]) -> M:
    """Ask with one's own token, so that the audit knows who opened it; who has none asks with the wrapping token."""
    from strongroom_registry.errors import TokenRefused

    from strongroom_service.api.wraps import WrapAsked

    body = WrapAsked(token=token)
    try:
        with asked_service() as client:
            return client.send("POST", path, body, model)
    except TokenRefused:
        pass
    with asked_service(token=token) as client:
        return client.send("POST", path, body, model)


def _token() -> str:
    if sys.stdin.isatty():
        text: str = click.prompt("Wrapping token", hide_input=True, err=True)
    else:
        text = sys.stdin.read(1024)
    if not text.strip() or len(text.strip()) > 200:
        raise CommandError("There is no wrapping token.", "Type it, or send it on standard input.", Exit.USAGE)
    return text.strip()


def _value(file: Path) -> Any:
    if str(file) == "-" and sys.stdin.isatty():
        data = str(click.prompt("Value", hide_input=True, err=True)).encode("utf-8", "surrogateescape")
    elif str(file) == "-":
        data = sys.stdin.buffer.read(_INPUT_MAX + 1)
    else:
        try:
            with file.open("rb") as opened:
                data = opened.read(_INPUT_MAX + 1)
        except OSError as error:
            raise CommandError(f"{file} cannot be read: {error.strerror}.", "Name another file.", Exit.USAGE) from None
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise CommandError("What is to be wrapped is no text.", "Encode it, such as in base64.", Exit.USAGE) from None
    if not text.strip():
        where = "standard input" if str(file) == "-" else str(file)
        raise CommandError(f"There is nothing in {where}.", "Pipe in what is to be wrapped.", Exit.USAGE)
    try:
        return json.loads(text)
    except ValueError:
        return text.removesuffix("\n")


def _tell(told: WrapModel, as_json: bool) -> None:
    if as_json:
        print_json(told.model_dump())
        return
    if told.token:
        click.echo(told.token)
        click.echo(f"It opens once, within {written(timedelta(seconds=told.ttl_seconds))}: strongroom unwrap", err=True)
        return
    made = datetime.fromisoformat(told.creation_time)
    facts(
        [
            ("Of", told.creation_path),
            ("Made", moment(made)),
            ("Opens until", moment(made + timedelta(seconds=told.ttl_seconds))),
            ("Accessor", told.accessor),
        ]
    )
