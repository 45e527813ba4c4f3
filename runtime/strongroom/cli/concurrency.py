"""``strongroom concurrency``: how much may happen at once, and how often."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from strongroom.cli.completion import limit_names
from strongroom.cli.confirmation import confirm, yes_option
from strongroom.cli.outcome import CommandError, Exit
from strongroom.cli.output import Column, counted, facts, listing, moment, print_json
from strongroom.cli.teaching import group, json_option

if TYPE_CHECKING:
    from strongroom.concurrency.limits import ConcurrencyLimit, SlotLease

name_argument = click.argument("name", shell_complete=limit_names)
decay_option = click.option(
    "--slot-decay-per-second", "decay", type=float, metavar="NUMBER", help="Slots that rate_limit gets back a second."
)
COLUMNS = [
    Column("name", "Name", style="bold"),
    Column("limit", "Limit", right=True),
    Column("active_slots", "Taken", right=True),
    Column("slot_decay_per_second", "Decay/s", right=True, show=lambda value: f"{value:g}" if value else ""),
    Column("active", "Active", style=lambda active: "" if active else "yellow"),
    Column("updated", "Changed", show=moment),
]


@group(
    "concurrency",
    aliases={"list": "ls", "new": "create", "show": "inspect", "rm": "delete"},
    examples="""
        strongroom concurrency create database 5    # for concurrency("database")
        strongroom concurrency create crm-api 10 --slot-decay-per-second 2
        strongroom concurrency create tag:heavy 2   # for tasks with the tag heavy
        strongroom concurrency ls
    """,
)
def concurrency() -> None:
    """Limit how much happens at once.

    Code of all processes takes slots of a limit by its name. One named tag:TAG is one of task runs with that tag; one
    with a slot decay limits how often something happens.
    """


@concurrency.command("ls", examples="strongroom concurrency ls")
@json_option
def ls(as_json: bool) -> None:
    """List limits, with how many of their slots are taken."""
    from strongroom.concurrency.limits import list_limits

    rows = [_shape(limit) for limit in list_limits()]
    listing(rows, COLUMNS, as_json=as_json, empty="There are no limits. Make one: strongroom concurrency create")


@concurrency.command(
    "create",
    examples="""
        strongroom concurrency create database 5
        strongroom concurrency create database --limit 5
        strongroom concurrency create crm-api 10 --slot-decay-per-second 0.5
        strongroom concurrency create tag:heavy 2
    """,
)
@click.argument("name")
@click.argument("limit", type=click.IntRange(0), required=False)
@click.option("--limit", "-l", "limit_option", type=click.IntRange(0), help="How many slots; or as an argument.")
@decay_option
@click.option("--disable", is_flag=True, help="Make it without letting it limit anything yet.")
@json_option
def create(
    name: str, limit: int | None, limit_option: int | None, decay: float | None, disable: bool, as_json: bool
) -> None:
    """Make a limit of so many slots."""
    from strongroom.concurrency.limits import create_limit

    given = [number for number in (limit, limit_option) if number is not None]
    if len(given) != 1:
        raise CommandError("How many slots has the limit?", f"Say: create {name} 5", Exit.USAGE)
    made = create_limit(name, given[0], decay or 0.0, not disable)
    if as_json:
        print_json(_shape(made))
    else:
        _say(made)


@concurrency.command("inspect", examples="strongroom concurrency inspect database")
@name_argument
@json_option
def inspect(name: str, as_json: bool) -> None:
    """Show a limit, and who has slots of it."""
    from strongroom.concurrency.limits import list_leases, read_limit

    limit, leases = read_limit(name), [_lease_shape(lease) for lease in list_leases(name)]
    if as_json:
        print_json({**_shape(limit), "leases": leases})
        return
    facts([
        ("Name", limit.name), ("Limit", str(limit.limit)), ("Taken", str(limit.active_slots)),
        ("Decay/s", f"{limit.slot_decay_per_second:g}" if limit.slot_decay_per_second else ""),
        ("Active", "yes" if limit.active else "no"), ("Created", moment(limit.created)),
        ("Changed", moment(limit.updated)),
    ])  # fmt: skip
    if leases:
        click.echo()
        columns = [
            Column("slots", "Slots", right=True),
            Column("holder_type", "Holder"),
            Column("holder_id", "Id", style="cyan", fold=True),
            Column("process", "Process", fold=True),
            Column("taken", "Since", show=moment),
            Column("expires", "Until", show=moment),
        ]
        listing(leases, columns, as_json=False, empty="")


@concurrency.command(
    "update",
    examples="""
        strongroom concurrency update database --limit 10
        strongroom concurrency update database --disable
    """,
)
@name_argument
@click.option("--limit", "-l", type=click.IntRange(0), help="How many slots it has from now on.")
@decay_option
@click.option("--enable", is_flag=True, help="Let it limit.")
@click.option("--disable", is_flag=True, help="Keep it, and let it limit nothing.")
@json_option
def update(name: str, limit: int | None, decay: float | None, enable: bool, disable: bool, as_json: bool) -> None:
    """Change a limit. Who has slots keeps them."""
    from strongroom.concurrency.limits import update_limit

    if enable and disable:
        raise CommandError("A limit cannot be switched on and off at once.", "Give one of the two.", Exit.USAGE)
    if limit is None and decay is None and not (enable or disable):
        raise CommandError("Nothing is to be changed.", "Give --limit, --enable or another option.", Exit.USAGE)
    active = True if enable else False if disable else None
    changed = update_limit(name, limit=limit, slot_decay_per_second=decay, active=active)
    if as_json:
        print_json(_shape(changed))
    else:
        _say(changed)


@concurrency.command("reset", examples="strongroom concurrency reset database --yes")
@name_argument
@yes_option
def reset(name: str, yes: bool) -> None:
    """Free all slots of a limit, whoever has them."""
    from strongroom.concurrency.limits import read_limit, reset_limit

    read_limit(name)
    if not yes:
        confirm(name, to="reset", done="reset", consequence="Who has slots goes on, beside others who get them now.")
    click.echo(f"The limit {name} is reset: {counted(reset_limit(name), 'lease')} ended.")


@concurrency.command("delete", examples="strongroom concurrency delete database --yes")
@name_argument
@yes_option
def delete(name: str, yes: bool) -> None:
    """Remove a limit, so that it limits nothing any more."""
    from strongroom.concurrency.limits import delete_limit, read_limit

    read_limit(name)
    if not yes:
        confirm(name, to="remove", done="removed")
    delete_limit(name)
    click.echo(f"The limit {name} is removed.")


def _say(limit: ConcurrencyLimit) -> None:
    off = "" if limit.active else ", and is switched off"
    click.echo(f"The limit {limit.name} has {counted(limit.limit, 'slot')}{off}.")


def _shape(limit: ConcurrencyLimit) -> dict[str, Any]:
    """The shape that ``strongroom concurrency … --json`` documents."""
    return asdict(limit)


def _lease_shape(lease: SlotLease) -> dict[str, Any]:
    number, _, rest = lease.process.partition("@")
    return {
        "slots": lease.slots, "holder_type": lease.holder.get("type"), "holder_id": lease.holder.get("id"),
        "process": f"{number}@{rest.partition('@')[0]}", "taken": lease.taken, "expires": lease.expires,
    }  # fmt: skip
