"""``strongroom deployment schedule``: when the runs of a deployment are due."""

from __future__ import annotations

from typing import Any

import click

from strongroom.cli.confirmation import confirm, yes_option
from strongroom.cli.deployment_shapes import schedule_shape
from strongroom.cli.outcome import CommandError, Exit
from strongroom.cli.output import Column, counted, listing, moment, print_json
from strongroom.cli.schedule_options import schedule_options, schedules_of
from strongroom.cli.teaching import group, json_option

NAME = click.argument("name", metavar="FLOW/DEPLOYMENT")
SCHEDULE = click.argument("schedule_id", metavar="SCHEDULE")


@group(
    "schedule",
    aliases={"list": "ls", "rm": "delete"},
    examples="""
        strongroom deployment schedule ls load/nightly
        strongroom deployment schedule create load/nightly --interval 600
        strongroom deployment schedule pause load/nightly 0197c1
    """,
)
def schedule() -> None:
    """See when runs are due, add schedules, pause and remove them."""


@schedule.command("ls", examples="strongroom deployment schedule ls load/nightly --json")
@NAME
@json_option
def ls(name: str, as_json: bool) -> None:
    """List the schedules of a deployment, with the next dates of each."""
    columns = [
        Column("id", "Id", show=lambda id_: str(id_)[:8]),
        Column("slug", "Slug"),
        Column("active", "Active", show=lambda active: "yes" if active else "no"),
        Column("schedule", "Schedule", style="bold"),
        Column("next", "Next", show=lambda dates: moment(dates[0]) if dates else "never", fold=True),
    ]
    rows = [schedule_shape(each) for each in _found(name).schedules]
    listing(rows, columns, as_json=as_json, empty="It has no schedule: its runs are wanted by hand.")


@schedule.command("create", examples="strongroom deployment schedule create load/nightly --rrule FREQ=DAILY")
@NAME
@schedule_options
@click.option("--day-and", is_flag=True, help="Both days of a cron expression have to fit, in place of either.")
@click.option("--inactive", is_flag=True, help="It makes no runs yet.")
@click.option("--slug", help="What it is called in the deployment.")
@click.option("--replace", is_flag=True, help="In place of the schedules that there are.")
@json_option
def create(
    name: str, day_and: bool, inactive: bool, slug: str | None, replace: bool, as_json: bool, **given: Any
) -> None:
    """Add a schedule to a deployment."""
    from dataclasses import replace as changed

    from strongroom.clock import now
    from strongroom.deployments import history, planning, store
    from strongroom.ledger import current_ledger

    made = schedules_of(**given)
    if len(made) != 1:
        raise CommandError("This is no single schedule.", "Give one of --cron, --interval, --rrule.", Exit.USAGE)
    new = changed(made[0], day_or=not day_and, active=not inactive, slug=slug)
    with current_ledger().changing() as session:
        known = store.find(session, name)
        if slug is not None and not replace and slug in {each.schedule.slug for each in known.schedules}:
            raise CommandError(f"There is a schedule {slug!r:.80} already.", "Use another slug.", Exit.REFUSED)
        removed = store.remove_schedules(session, [each.id for each in known.schedules]) if replace else []
        id_ = store.add_schedule(session, known.id, new, len(known.schedules))
        planned = planning.plan(session, store.listed(session, ids=[known.id]), now())
    history.note_removed(removed)
    history.note_planned(planned)
    shape = schedule_shape(next(each for each in _found(name).schedules if each.id == id_))
    if as_json:
        print_json(shape)
    else:
        click.echo(f"{known.full_name} runs by {shape['schedule']}, next {', '.join(shape['next'][:2])}.")


@schedule.command("pause", examples="strongroom deployment schedule pause load/nightly 0197c1")
@NAME
@SCHEDULE
@json_option
def pause(name: str, schedule_id: str, as_json: bool) -> None:
    """Have a schedule, named by its slug or the start of its id, make no runs."""
    _activate(name, schedule_id, active=False, as_json=as_json)


@schedule.command("resume", examples="strongroom deployment schedule resume load/nightly 0197c1")
@NAME
@SCHEDULE
@json_option
def resume(name: str, schedule_id: str, as_json: bool) -> None:
    """Have a schedule make runs again."""
    _activate(name, schedule_id, active=True, as_json=as_json)


def _activate(name: str, schedule_id: str, *, active: bool, as_json: bool) -> None:
    from strongroom.deployments import history, store
    from strongroom.ledger import current_ledger

    one = _schedule(name, schedule_id)
    with current_ledger().changing() as session:
        removed = store.activate(session, one.id, active=active)
    history.note_removed(removed)
    if as_json:
        print_json({"id": str(one.id), "active": active})
    else:
        click.echo(f"The schedule {one.schedule} makes {'runs again' if active else 'no runs'}.")


@schedule.command("delete", examples="strongroom deployment schedule delete load/nightly 0197c1 --yes")
@NAME
@SCHEDULE
@yes_option
@json_option
def delete(name: str, schedule_id: str, yes: bool, as_json: bool) -> None:
    """Remove a schedule and the runs that it planned."""
    one = _schedule(name, schedule_id)
    if not yes:
        confirm(str(one.id)[:8], to="delete", done="deleted")
    _remove(name, [one.id], as_json=as_json)


@schedule.command("clear", examples="strongroom deployment schedule clear load/nightly --yes")
@NAME
@yes_option
@json_option
def clear(name: str, yes: bool, as_json: bool) -> None:
    """Remove all schedules of a deployment and the runs that they planned."""
    known = _found(name)
    if not yes:
        confirm(known.full_name, to="clear", done="removed")
    _remove(name, [each.id for each in known.schedules], as_json=as_json)


def _remove(name: str, ids: list[Any], *, as_json: bool) -> None:
    from strongroom.deployments import history, store
    from strongroom.ledger import current_ledger

    with current_ledger().changing() as session:
        removed = store.remove_schedules(session, ids)
    history.note_removed(removed)
    if as_json:
        print_json({"deployment": name, "deleted": [str(id_) for id_ in ids]})
    else:
        click.echo(f"{counted(len(ids), 'schedule')} of {name} removed.")


def _found(name: str) -> Any:
    from strongroom.deployments import store
    from strongroom.ledger import current_ledger

    with current_ledger().reading() as session:
        return store.find(session, name)


def _schedule(name: str, given: str) -> Any:
    known = _found(name)
    near = [each for each in known.schedules if given == each.schedule.slug or str(each.id).startswith(given)]
    if len(near) != 1:
        what = "no schedule" if not near else f"{len(near)} schedules"
        raise CommandError(
            f"{known.full_name} has {what} {given!r:.80}.",
            f"See them: strongroom deployment schedule ls {name}",
            Exit.USAGE if near else Exit.NOT_FOUND,
        )
    return near[0]
