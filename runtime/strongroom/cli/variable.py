"""``strongroom variable``: the named values that runs share."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from strongroom.cli.completion import variable_names
from strongroom.cli.confirmation import confirm, yes_option
from strongroom.cli.outcome import CommandError, Exit
from strongroom.cli.output import Column, facts, listing, moment, plain, print_json, printable
from strongroom.cli.teaching import group, json_option

if TYPE_CHECKING:
    from strongroom.variables import Variable

name_argument = click.argument("name", shell_complete=variable_names)


@group(
    "variable",
    aliases={"list": "ls", "show": "inspect", "delete": "unset", "rm": "unset"},
    examples="""
        strongroom variable set regions '["eu", "us"]'
        strongroom variable get regions
        strongroom variable ls
    """,
)
def variable() -> None:
    """Set and read values that flows share.

    They are kept in clear: secrets belong into blocks.
    """


@variable.command("ls", examples="strongroom variable ls --json | jq -r '.[].name'")
@click.option("--limit", type=click.IntRange(1), default=200, show_default=True, help="How many at most.")
@json_option
def ls(limit: int, as_json: bool) -> None:
    """List variables, sorted by name."""
    from strongroom.variables import list_variables

    rows = [_shape(found) for found in list_variables()[:limit]]
    columns = [
        Column("name", "Name", style="bold"),
        Column("value", "Value", show=_text, fold=True),
        Column("tags", "Tags", show=plain),
        Column("updated", "Updated", show=moment),
    ]
    listing(rows, columns, as_json=as_json, empty="There are no variables. Set one: strongroom variable set NAME VALUE")


@variable.command(
    "get",
    examples="""
        strongroom variable get threshold
        strongroom variable get regions --json
    """,
)
@name_argument
@json_option
def get(name: str, as_json: bool) -> None:
    """Print the value of a variable: a text as it is, everything else as JSON."""
    value = _found(name).value
    if as_json:
        print_json(value)
    else:
        click.echo(printable(_text(value)))


@variable.command("inspect", examples="strongroom variable inspect threshold")
@name_argument
@json_option
def inspect(name: str, as_json: bool) -> None:
    """Show a variable: its value, its tags, and when it was set."""
    found = _found(name)
    if as_json:
        print_json(_shape(found))
        return
    facts([
        ("Name", found.name), ("Value", _text(found.value)), ("Tags", ", ".join(found.tags)),
        ("Created", moment(found.created)), ("Updated", moment(found.updated)),
    ])  # fmt: skip


@variable.command(
    "set",
    examples="""
        strongroom variable set threshold 0.5
        strongroom variable set regions '["eu", "us"]' --tag geo --overwrite
        strongroom variable set version 1.10 --text       # a text, and no number
    """,
)
@name_argument
@click.argument("value")
@click.option("--overwrite", is_flag=True, help="Replace the value of a variable that exists.")
@click.option("--tag", "tags", multiple=True, metavar="TAG", help="Give it a tag; repeat it for more.")
@click.option("--text", "as_text", is_flag=True, help="Take the value as text even where it is JSON.")
@json_option
def set_(name: str, value: str, overwrite: bool, tags: tuple[str, ...], as_text: bool, as_json: bool) -> None:
    """Set a variable to a value: JSON where it is JSON, else text."""
    from strongroom.variables import Variable

    made = Variable.set(name, value if as_text else _parsed(value), list(tags) or None, overwrite)
    if as_json:
        print_json(_shape(made))
    else:
        click.echo(f"The variable {made.name} is {printable(_text(made.value))}")


@variable.command("unset", examples="strongroom variable unset threshold --yes")
@name_argument
@yes_option
def unset(name: str, yes: bool) -> None:
    """Remove a variable."""
    from strongroom.variables import Variable

    _found(name)
    if not yes:
        confirm(name, to="remove", done="removed")
    if not Variable.unset(name):
        raise _unknown(name)
    click.echo(f"The variable {name} is removed.")


def _found(name: str) -> Variable:
    from strongroom.variables import find_variable

    found = find_variable(name)
    if found is None:
        raise _unknown(name)
    return found


def _unknown(name: str) -> CommandError:
    return CommandError(
        f"There is no variable {name!r:.80}.", "See those there are: strongroom variable ls", Exit.NOT_FOUND
    )


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _shape(found: Variable) -> dict[str, Any]:
    """The shape that ``strongroom variable … --json`` documents."""
    return {
        "name": found.name, "value": found.value, "tags": found.tags, "created": found.created,
        "updated": found.updated,
    }  # fmt: skip
