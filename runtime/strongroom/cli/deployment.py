"""``strongroom deployment``: see deployments, run them, pause them, remove them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from strongroom.cli.confirmation import confirm, yes_option
from strongroom.cli.deployment_run import run
from strongroom.cli.deployment_schedule import schedule
from strongroom.cli.deployment_shapes import deployment_shape
from strongroom.cli.output import Column, facts, listing, moment, plain, print_json
from strongroom.cli.teaching import group, json_option

if TYPE_CHECKING:
    from strongroom.deployments.records import Deployment

NAME = click.argument("name", metavar="FLOW/DEPLOYMENT")


@group(
    "deployment",
    aliases={"list": "ls", "show": "inspect", "rm": "delete"},
    examples="""
        strongroom deployment ls
        strongroom deployment run load/nightly -p day=2026-01-01 --watch
        strongroom deployment pause load/nightly
        strongroom deployment schedule create load/nightly --cron '0 4 * * *'
    """,
)
def deployment() -> None:
    """See flows that run by themselves, run and pause them."""


deployment.add_command(run)
deployment.add_command(schedule)


@deployment.command("ls", examples="strongroom deployment ls --json | jq -r '.[].name'")
@click.option("--flow-name", "flow_name", metavar="NAME", help="Only deployments of this flow.")
@json_option
def ls(flow_name: str | None, as_json: bool) -> None:
    """List deployments."""
    from strongroom.deployments import store
    from strongroom.ledger import current_ledger

    with current_ledger().reading() as session:
        found = store.listed(session, flow_name=flow_name)
    columns = [
        Column("name", "Name", style="bold"),
        Column("paused", "Paused", show=lambda paused: "yes" if paused else ""),
        Column("schedules", "Schedules", show=lambda each: ", ".join(one["schedule"] for one in each), fold=True),
        Column("pool", "Pool"),
        Column("tags", "Tags"),
    ]
    empty = 'There is no deployment. Make one: my_flow.serve(name="…"), or strongroom deploy flow.py:my_flow --name …'
    listing([deployment_shape(each) for each in found], columns, as_json=as_json, empty=empty)


@deployment.command("inspect", examples="strongroom deployment inspect load/nightly --json")
@NAME
@json_option
def inspect(name: str, as_json: bool) -> None:
    """Show a deployment: its schedules with their next dates, its parameters, where its flow is found."""
    shape = deployment_shape(found(name))
    if as_json:
        print_json(shape)
        return
    facts(_facts(shape))


def _facts(shape: dict[str, Any]) -> list[tuple[str, str]]:
    pairs = [
        ("Deployment", f"{shape['name']}  {shape['id']}"),
        ("Paused", "yes" if shape["paused"] else ""),
        ("Flow", f"{shape['entrypoint']} in {shape['source'] or shape['folder']}"),
        ("Pool", f"{shape['pool']}, queue {shape['queue']}" if shape["pool"] else ""),
        ("Limit", "" if shape["concurrency_limit"] is None else str(shape["concurrency_limit"])),
        ("Parameters", plain(shape["parameters"])),
        ("Tags", plain(shape["tags"])),
        ("Description", shape["description"] or ""),
        ("Updated", moment(shape["updated"])),
    ]
    for each in shape["schedules"]:
        note = "" if each["active"] else "  (paused)"
        following = f"next {moment(each['next'][0])}" if each["next"] else "never again"
        pairs.append(("Schedule", f"{each['schedule']}{note}  {following}  {each['id'][:8]}"))
    return pairs


@deployment.command("pause", examples="strongroom deployment pause load/nightly")
@NAME
@json_option
def pause(name: str, as_json: bool) -> None:
    """Have the schedules of a deployment make no runs. Runs that are wanted by hand go on."""
    _pause(name, paused=True, as_json=as_json)


@deployment.command("resume", examples="strongroom deployment resume load/nightly")
@NAME
@json_option
def resume(name: str, as_json: bool) -> None:
    """Have the schedules of a deployment make runs again."""
    _pause(name, paused=False, as_json=as_json)


def _pause(name: str, *, paused: bool, as_json: bool) -> None:
    from strongroom.deployments import history, store
    from strongroom.ledger import current_ledger

    with current_ledger().changing() as session:
        known = store.find(session, name)
        removed = store.pause(session, known.id, paused=paused)
    history.note_removed(removed)
    if as_json:
        print_json({"name": known.full_name, "paused": paused})
    else:
        click.echo(f"{known.full_name} is {'paused' if paused else 'no longer paused'}.")


@deployment.command("delete", examples="strongroom deployment delete load/nightly --yes")
@NAME
@yes_option
@json_option
def delete(name: str, yes: bool, as_json: bool) -> None:
    """Remove a deployment, its schedules, and the runs that have not begun. The history of its runs stays."""
    from strongroom.deployments import history, store
    from strongroom.ledger import current_ledger

    known = found(name)
    if not yes:
        confirm(known.full_name, to="delete", done="deleted")
    with current_ledger().changing() as session:
        removed = store.delete(session, known)
    history.note_removed(removed)
    if as_json:
        print_json({"name": known.full_name, "deleted": True})
    else:
        click.echo(f"{known.full_name} is deleted.")


def found(name: str) -> Deployment:
    """The deployment of this name."""
    from strongroom.deployments import store
    from strongroom.ledger import current_ledger

    with current_ledger().reading() as session:
        return store.find(session, name)
