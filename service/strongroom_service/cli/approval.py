"""``strongroom approval``: changes that wait for a second person."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click
from strongroom.cli.output import Column, counted, facts, listing, moment, print_json
from strongroom.cli.teaching import group, json_option

from strongroom_service.cli.session import asked_service
from strongroom_service.cli.validation import validated

if TYPE_CHECKING:
    from collections.abc import Sequence

    from strongroom_service.api.approvals import ApprovalTold
    from strongroom_service.api.changes_told import ChangeTold

STATES = ("pending", "approved", "done", "failed", "refused", "withdrawn", "expired")


@group(
    "approval",
    aliases={"list": "ls", "ok": "approve", "deny": "refuse", "withdraw": "refuse"},
    examples="""
        strongroom approval protect prod 'analytics/prod-*' --approvers data-leads
        strongroom approval ls
        strongroom approval approve 5f1c0a93d2e84b17
    """,
)
def approval() -> None:
    """See what waits for a second person; approve or refuse it.

    A change of what is protected is not made until somebody else than the one who asked for it approves it. Then it is
    made once, in the name of the one who asked.
    """


@approval.command(
    "ls",
    examples="""
        strongroom approval ls
        strongroom approval ls --state done --json
    """,
)
@click.option("--state", type=click.Choice(STATES), default="pending", show_default=True, help="How far they are.")
@json_option
def ls(state: str, as_json: bool) -> None:
    """List the changes that you asked for, or may approve."""
    from strongroom_service.api.approvals import ApprovalList

    with asked_service() as client:
        pages = list(client.all("/approvals", ApprovalList, state=state))
    rows = [told.model_dump() for page in pages for told in page.approvals]
    columns = [
        Column("id", "Id", style="bold"),
        Column("requester", "Who"),
        Column("verb", "Would"),
        Column("path", "What", fold=True),
        Column("note", "Note", fold=True),
        Column("expires", "Until", show=moment),
    ]
    listing(rows, columns, as_json=as_json, empty=f"No change is {state}.")


@approval.command("show", examples="strongroom approval show 5f1c0a93d2e84b17")
@click.argument("id")
@json_option
def show(id: str, as_json: bool) -> None:
    """Show a change that waits or waited, and what it would write.

    Of a secret no more is shown than the name of its field.
    """
    from strongroom_registry.remote.connection import at

    from strongroom_service.api.approvals import ApprovalShown

    with asked_service() as client:
        told = client.get(f"/approvals{at(id)}", ApprovalShown)
    _print(told, as_json, [] if told.change is None else _written(told.change))


@approval.command("approve", examples="strongroom approval approve 5f1c0a93d2e84b17")
@click.argument("id")
@json_option
def approve(id: str, as_json: bool) -> None:
    """Approve a change of somebody else. With the last approval that it takes it is made."""
    from strongroom_registry.remote.connection import at

    from strongroom_service.api.approvals import ApprovalTold

    with asked_service() as client:
        told = client.send("POST", f"/approvals{at(id)}/approve", None, ApprovalTold)
    _print(told, as_json)
    if told.state == "failed":
        raise SystemExit(1)


@approval.command(
    "refuse",
    examples="strongroom approval refuse 5f1c0a93d2e84b17 --reason 'not on a Friday'",
)
@click.argument("id")
@click.option("--reason", default="", help="Why; the one who asked reads it.")
@json_option
def refuse(id: str, reason: str, as_json: bool) -> None:
    """Refuse a change of somebody else, or withdraw your own."""
    from strongroom_registry.remote.connection import at

    from strongroom_service.api.approvals import ApprovalTold, Refusal

    with asked_service() as client:
        told = client.send("POST", f"/approvals{at(id)}/refuse", Refusal(reason=reason), ApprovalTold)
    _print(told, as_json)


@approval.command("protections", examples="strongroom approval protections --json")
@json_option
def protections(as_json: bool) -> None:
    """List which changes need a second person."""
    from strongroom_service.api.protections import ProtectionList

    with asked_service() as client:
        rows = [told.model_dump() for told in client.get("/protections", ProtectionList).protections]
    columns = [
        Column("name", "Name", style="bold"),
        Column("paths", "Paths", fold=True),
        Column("verbs", "Changes", fold=True),
        Column("approvals", "Others", right=True),
        Column("approvers", "Approvers"),
    ]
    listing(rows, columns, as_json=as_json, empty="Nothing is protected that you may list.")


@approval.command(
    "protect",
    examples="""
        strongroom approval protect prod 'analytics/prod-*'
        strongroom approval protect prod 'analytics/prod-*' --verb write \\
            --verb destroy --approvers data-leads
        strongroom approval protect keepers ':service/protections/**' \\
            --verb administer --approvals 2
    """,
)
@click.argument("name")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option(
    "--verb", "verbs", multiple=True, help="Which changes; write, label, delete and destroy if none is given."
)
@click.option("--approvals", type=click.IntRange(1, 10), default=1, show_default=True, help="How many others approve.")
@click.option("--approvers", metavar="POLICY", help="The policy of approvers; else who may administer the thing.")
@click.option("--ttl", type=int, metavar="SECONDS", help="How long a change waits; a day if not given.")
@click.option("--description", default="", help="What it is for.")
@json_option
def protect(
    name: str, paths: tuple[str, ...], verbs: tuple[str, ...], approvals: int, approvers: str | None, ttl: int | None,
    description: str, as_json: bool,
) -> None:  # fmt: skip
    """Have changes of things need a second person; in the place of a protection of this name.

    Paths are as in policies, such as analytics/prod-* or :service/policies/**. What can be protected is write, label,
    delete, destroy, rotate and administer.
    """
    from strongroom_registry.remote.connection import at

    from strongroom_service.api.protections import ProtectionTold
    from strongroom_service.approvals.protection import Protection

    given = {"verbs": verbs or None, "ttl_seconds": ttl}
    body = {"paths": paths, "approvals": approvals, "approvers": approvers, "description": description}
    body |= {key: value for key, value in given.items() if value is not None}
    protection = validated(Protection, body)
    with asked_service() as client:
        told = client.send("PUT", f"/protections{at(name)}", protection, ProtectionTold)
    if as_json:
        print_json(told.model_dump(mode="json"))
    else:
        click.echo(f"{', '.join(told.verbs)} of {', '.join(told.paths)} need {counted(told.approvals, 'other')} now.")


@approval.command("unprotect", examples="strongroom approval unprotect prod")
@click.argument("name")
@json_option
def unprotect(name: str, as_json: bool) -> None:
    """Remove a protection. What waits goes on waiting."""
    from strongroom_registry.remote.connection import at

    with asked_service() as client:
        client.do("DELETE", f"/protections{at(name)}")
    if as_json:
        print_json({"removed": name})
    else:
        click.echo(f"The protection {name} is removed.")


def _written(change: ChangeTold) -> list[tuple[str, str]]:
    """What would be written, as lines of facts."""
    said = {name: value for name, value in change.values.items() if value not in (None, "", [], {}, False)}
    return [
        *((f"  {name}", json.dumps(value)) for name, value in said.items()),
        ("  secret", ", ".join(change.hidden)),
        ("  unconfirmed", ", ".join(change.unconfirmed)),
    ]


def _print(told: ApprovalTold, as_json: bool, written: Sequence[tuple[str, str]] = ()) -> None:
    if as_json:
        print_json(told.model_dump(mode="json"))
        return
    colours = {"done": "green", "failed": "red", "refused": "red", "pending": "yellow"}
    outcome = told.outcome
    facts(
        [
            ("Id", told.id),
            ("State", told.state),
            ("Who", told.requester),
            ("Would", f"{told.verb} {told.path}"),
            ("Request", f"{told.request} ({counted(told.body_bytes, 'byte')})"),
            *written,
            ("Note", told.note),
            ("Approved by", ", ".join(one.identity for one in told.approvals)),
            ("Needs", counted(told.needed, "approval")),
            ("Until", moment(told.expires)),
            ("Ended by", told.ended_by),
            ("Reason", told.reason),
            ("Outcome", "" if outcome is None else outcome.message or f"HTTP {outcome.status}"),
        ],
        {"State": colours.get(told.state, "")} if told.state in colours else None,
    )
