"""``strongroom pool``: where workers take the runs of deployments from."""

from __future__ import annotations

import click

from strongroom.cli.confirmation import confirm, yes_option
from strongroom.cli.deployment_shapes import pool_shape
from strongroom.cli.output import Column, facts, listing, moment, print_json
from strongroom.cli.teaching import group, json_option

NAME = click.argument("name")


@group(
    "pool",
    aliases={"list": "ls", "show": "inspect", "rm": "delete", "new": "create"},
    examples="""
        strongroom pool create machines --concurrency-limit 4
        strongroom pool inspect machines
        strongroom pool pause machines
    """,
)
def pool() -> None:
    """Make work pools, limit them, see their workers."""


@pool.command("create", examples="strongroom pool create machines --type process --concurrency-limit 4")
@NAME
@click.option("-t", "--type", "kind", default="process", show_default=True, help="How runs are carried out.")
@click.option("--description", help="What people read.")
@click.option("--concurrency-limit", "slots", type=click.IntRange(0), help="How many runs go on at once, in all.")
@click.option("--paused", is_flag=True, help="Workers take no runs yet.")
@click.option("--overwrite", is_flag=True, help="Change the pool if it is there.")
@json_option
def create(
    name: str,
    kind: str,
    description: str | None,
    slots: int | None,
    paused: bool,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Make a work pool. Its workers run flows in processes of their own machine."""
    from strongroom.deployments import pools
    from strongroom.ledger import current_ledger

    with current_ledger().changing() as session:
        made = pools.save_pool(
            session, name, type=kind, description=description, slots=slots, paused=paused, overwrite=overwrite
        )
    if as_json:
        print_json(pool_shape(made))
    else:
        click.echo(f"The work pool {made.name} is made. Work for it: strongroom worker start --pool {made.name}")


@pool.command("ls", examples="strongroom pool ls --json")
@json_option
def ls(as_json: bool) -> None:
    """List work pools."""
    from strongroom.deployments import pools
    from strongroom.ledger import current_ledger

    with current_ledger().reading() as session:
        rows = [pool_shape(each) for each in pools.pools(session)]
    columns = [
        Column("name", "Name", style="bold"),
        Column("type", "Type"),
        Column("concurrency_limit", "Limit", right=True),
        Column("paused", "Paused", show=lambda paused: "yes" if paused else ""),
        Column("description", "Description", fold=True),
    ]
    listing(rows, columns, as_json=as_json, empty="There is no work pool. Make one: strongroom pool create machines")


@pool.command("inspect", examples="strongroom pool inspect machines")
@NAME
@json_option
def inspect(name: str, as_json: bool) -> None:
    """Show a work pool and its workers."""
    from strongroom.deployments import pools, servers
    from strongroom.ledger import current_ledger

    with current_ledger().reading() as session:
        shape = pool_shape(pools.checked_pool(session, name))
        workers = servers.workers(session, name)
    shape["workers"] = [
        {"name": each.name, "process": each.process, "limit": each.slots, "started": each.started, "seen": each.beat}
        for each in workers
    ]
    if as_json:
        print_json(shape)
        return
    facts([
        ("Pool", f"{shape['name']}  {shape['type']}"),
        ("Paused", "yes" if shape["paused"] else ""),
        ("Limit", "" if shape["concurrency_limit"] is None else str(shape["concurrency_limit"])),
        ("Description", shape["description"] or ""),
        *(("Worker", f"{each.name}, seen {moment(each.beat)}") for each in workers),
    ])  # fmt: skip


@pool.command("pause", examples="strongroom pool pause machines")
@NAME
@json_option
def pause(name: str, as_json: bool) -> None:
    """Have workers take no runs of a pool. Those that go on go on."""
    _pause(name, paused=True, as_json=as_json)


@pool.command("resume", examples="strongroom pool resume machines")
@NAME
@json_option
def resume(name: str, as_json: bool) -> None:
    """Have workers take runs of a pool again."""
    _pause(name, paused=False, as_json=as_json)


def _pause(name: str, *, paused: bool, as_json: bool) -> None:
    from strongroom.deployments import pools
    from strongroom.ledger import current_ledger

    with current_ledger().changing() as session:
        pools.pause_pool(session, name, paused=paused)
    if as_json:
        print_json({"name": name, "paused": paused})
    else:
        click.echo(f"The work pool {name} is {'paused' if paused else 'no longer paused'}.")


@pool.command(
    "set-concurrency-limit",
    examples="""
        strongroom pool set-concurrency-limit machines 8
    """,
)
@NAME
@click.argument("slots", metavar="LIMIT", type=click.IntRange(0))
@json_option
def set_concurrency_limit(name: str, slots: int, as_json: bool) -> None:
    """Limit how many runs of a pool go on at once, in all of its workers."""
    _limit(name, slots, as_json=as_json)


@pool.command("clear-concurrency-limit", examples="strongroom pool clear-concurrency-limit machines")
@NAME
@json_option
def clear_concurrency_limit(name: str, as_json: bool) -> None:
    """Limit the runs of a pool no longer."""
    _limit(name, None, as_json=as_json)


def _limit(name: str, slots: int | None, *, as_json: bool) -> None:
    from strongroom.deployments import pools
    from strongroom.ledger import current_ledger

    with current_ledger().changing() as session:
        pools.limit_pool(session, name, slots)
    if as_json:
        print_json({"name": name, "concurrency_limit": slots})
    else:
        click.echo(f"The work pool {name} has {'no limit' if slots is None else f'the limit {slots}'}.")


@pool.command("delete", examples="strongroom pool delete machines --yes")
@NAME
@yes_option
@json_option
def delete(name: str, yes: bool, as_json: bool) -> None:
    """Remove a work pool that no deployment names."""
    from strongroom.deployments import pools
    from strongroom.ledger import current_ledger

    if not yes:
        confirm(name, to="delete", done="deleted")
    with current_ledger().changing() as session:
        pools.delete_pool(session, name)
    if as_json:
        print_json({"name": name, "deleted": True})
    else:
        click.echo(f"The work pool {name} is deleted.")
