"""What commands do alike with identities of all kinds: list, show, change and remove."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import click
from strongroom.cli.durations import written
from strongroom.cli.outcome import CommandError, Exit
from strongroom.cli.output import Column, facts, listing, plain, print_json
from strongroom.cli.teaching import TeachingGroup, json_option

from strongroom_service.cli.session import asked_service

if TYPE_CHECKING:
    from pydantic import BaseModel

    from strongroom_service.client import Client

BASE = "/identities"


def add_listing(group: TeachingGroup, plural: str) -> None:
    """``ls`` and ``rm``, which are alike for all kinds."""
    word = str(group.name)

    @group.command("ls", examples=f"strongroom identity {word} ls --json | jq -r '.[].name'")
    @json_option
    def ls(as_json: bool) -> None:
        from strongroom_service.api.identities import NamePage

        with asked_service() as client:
            pages = client.all(f"{BASE}/{plural}", NamePage)
            rows = [{"name": name} for page in pages for name in page.names]
        columns = [Column("name", "Name", style="bold")]
        listing(rows, columns, as_json=as_json, empty=f"There are no {plural} that you may list.")

    @group.command("rm", examples=f"strongroom identity {word} rm old-one")
    @click.argument("name")
    @json_option
    def rm(name: str, as_json: bool) -> None:
        with asked_service() as client:
            client.do("DELETE", f"{BASE}/{plural}{at(name)}")
        if as_json:
            print_json({"removed": name})
        else:
            click.echo(f"The {word} {name} is removed.")

    ls.help = f"List the {plural}."
    rm.help = f"Remove one of the {plural}; the tokens that came by it end."


def show(plural: str, name: str, told: type[BaseModel], as_json: bool) -> None:
    """Show one of them."""
    with asked_service() as client:
        found = client.get(f"{BASE}/{plural}{at(name)}", told)
    tell(found, as_json)


def change(
    plural: str, word: str, name: str, told: type[BaseModel], model: type[BaseModel], changes: Mapping[str, Any]
) -> BaseModel:
    """Make one, or change what is said of one that is there, unless somebody else changes it meanwhile."""
    from strongroom_service.cli.validation import validated
    from strongroom_service.client import only_at

    with asked_service() as client:
        there = _there(client, plural, name, told)
        before = {} if there is None else getattr(there, word).model_dump()
        value = validated(model, {**before, **changes})
        condition = only_at(0 if there is None else there.version)  # type: ignore[attr-defined]
        return client.send("PUT", f"{BASE}/{plural}{at(name)}", value, told, **condition)


def tell(found: BaseModel, as_json: bool) -> None:
    """Print one of them: what is said of it, one thing a line."""
    if as_json:
        print_json(found.model_dump(mode="json"))
        return
    pairs: list[tuple[str, str]] = []
    for name, part in found.model_dump().items():
        parts = part.items() if isinstance(part, dict) else [(name, part)]
        pairs += [(key.replace("_", " "), _shown(one)) for key, one in parts]
    facts([(name, text) for name, text in pairs if text])


def _shown(value: Any) -> str:
    """What is said of something, for people; empty where nothing is: no bound, no end, any number."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, timedelta):
        return written(value) if value else ""
    return plain(value) if value else ""


def given(**options: Any) -> dict[str, Any]:
    """The options that were given, by the fields that they are of."""
    return {name: value for name, value in options.items() if value not in (None, ())}


def pairs(context: click.Context, parameter: click.Parameter, value: tuple[str, ...]) -> dict[str, str] | None:
    """``--metadata team=data`` as a dictionary; None where none was given."""
    if not value:
        return None
    found = dict(one.partition("=")[::2] for one in value)
    if not all(found) or any("=" not in one for one in value):
        raise click.BadParameter("write it as key=value", context, parameter)
    return found


def at(name: str) -> str:
    """A name as the end of a path."""
    from strongroom_registry.remote.connection import at

    return at(name)


Option = Callable[[Callable[..., Any]], Callable[..., Any]]
policy_option: Option = click.option(
    "--policy", "policies", multiple=True, help="What it may do; repeatable. In the place of those before."
)
group_option: Option = click.option("--group", "groups", multiple=True, help="A group that it is in; repeatable.")
metadata_option: Option = click.option(
    "--metadata", multiple=True, metavar="KEY=VALUE", callback=pairs, help="What policies may say of it; repeatable."
)
disable_option: Option = click.option(
    "--disable/--enable", "disabled", default=None, help="Lock it out at once, or let it in again."
)


def _there(client: Client, plural: str, name: str, told: type[BaseModel]) -> BaseModel | None:
    from strongroom_service.errors import UnknownThing

    try:
        return client.get(f"{BASE}/{plural}{at(name)}", told)
    except UnknownThing:
        return None


def check_given(changes: Mapping[str, Any], what: str) -> None:
    """Refuse a command that changes nothing of what is there; that would make an empty one otherwise.

    :raises CommandError: nothing is to be changed.
    """
    if not changes:
        raise CommandError(f"Nothing is said of the {what}.", "See --help for what can be.", Exit.USAGE)
