"""``strongroom identity approle``: roles that machines log in as."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import click
from strongroom.cli.durations import DURATION, seconds_of
from strongroom.cli.output import Column, listing, moment, print_json
from strongroom.cli.teaching import group, json_option

from strongroom_service.cli import identity_records as records
from strongroom_service.cli.identity_people import ALIASES
from strongroom_service.cli.session import asked_service


@group(
    "approle",
    aliases=ALIASES,
    examples="""
        strongroom identity approle set etl --policy readers --secret-id-ttl 24h
        strongroom identity approle show etl          # with its role id
        strongroom identity approle secret-id etl     # a new secret id, printed once
    """,
)
def approle() -> None:
    """Roles that machines log in as, with a role id and a secret id."""


records.add_listing(approle, "approles")


@approle.command("show", examples="strongroom identity approle show etl --json | jq -r .role_id")
@click.argument("name")
@json_option
def show(name: str, as_json: bool) -> None:
    """Show a role, with its role id."""
    from strongroom_service.api.identities import AppRoleTold

    records.show("approles", name, AppRoleTold, as_json)


@approle.command(
    "set",
    examples="""
        strongroom identity approle set etl --policy readers --token-ttl 1h
        strongroom identity approle set etl --network 10.0.0.0/8
        strongroom identity approle set etl --disable
    """,
)
@click.argument("name")
@click.option("--description", help="What it is for.")
@click.option("--policy", "token_policies", multiple=True, help="What its tokens may do; repeatable.")
@click.option("--token-ttl", type=DURATION, help="How long its tokens live, unless they are renewed.")
@click.option("--token-max-ttl", type=DURATION, help="How long at most, renewals included.")
@click.option("--token-uses", type=click.IntRange(0), help="How many requests its tokens are good for; 0: any number.")
@click.option("--network", "token_bounds", multiple=True, metavar="CIDR", help="Where tokens can be used; repeatable.")
@click.option("--secret-id-ttl", type=DURATION, help="How long its secret ids are good.")
@click.option("--secret-id-uses", type=click.IntRange(0), help="For how many logins; 0: any number.")
@click.option(
    "--login-network", "secret_id_bounds", multiple=True, metavar="CIDR", help="Where it logs in from; repeatable."
)
@records.metadata_option
@records.disable_option
@json_option
def set_(name: str, as_json: bool, **options: Any) -> None:
    """Make a role, or change what is said of one; what is not given stays."""
    from strongroom_service.api.identities import AppRoleTold
    from strongroom_service.identity.app_role import AppRole

    changes = records.given(**options)
    records.tell(records.change("approles", "approle", name, AppRoleTold, AppRole, changes), as_json)


@approle.command(
    "secret-id",
    examples="""
        strongroom identity approle secret-id etl --ttl 10m --uses 1
        strongroom identity approle secret-id etl --json | strongroom wrap
    """,
)
@click.argument("name")
@click.option("--ttl", type=DURATION, help="How long it is good.")
@click.option("--uses", type=click.IntRange(1), help="For how many logins.")
@click.option("--network", "networks", multiple=True, metavar="CIDR", help="Where it logs in from; repeatable.")
@records.metadata_option
@json_option
def secret_id(
    name: str, ttl: timedelta | None, uses: int | None, networks: tuple[str, ...], metadata: dict[str, str] | None,
    as_json: bool,
) -> None:  # fmt: skip
    """Make a secret id, and print it: nobody can look it up later."""
    from strongroom_service.api.credentials import SecretIdAsked, SecretIdMade
    from strongroom_service.cli.validation import validated

    given = {"ttl_seconds": seconds_of(ttl), "uses": uses, "networks": networks, "metadata": metadata or {}}
    asked = validated(SecretIdAsked, given)
    with asked_service() as client:
        made = client.send("POST", _path(name), asked, SecretIdMade)
    if as_json:
        print_json(made.model_dump(mode="json"))
        return
    click.echo(made.secret_id)
    until = moment(made.about.expires) or "it is removed"
    click.echo(f"Role id {made.role_id}, accessor {made.about.accessor}, good until {until}.", err=True)


@approle.command("secret-ids", examples="strongroom identity approle secret-ids etl")
@click.argument("name")
@json_option
def secret_ids(name: str, as_json: bool) -> None:
    """List the secret ids of a role that are good now, without their texts."""
    from strongroom_service.api.credentials import SecretIds

    with asked_service() as client:
        found = client.get(_path(name), SecretIds).secret_ids
    columns = [
        Column("accessor", "Accessor", style="bold"),
        Column("created", "Made", show=moment),
        Column("expires", "Until", show=moment),
        Column("uses", "Uses left", right=True),
        Column("metadata", "Metadata", fold=True),
    ]
    listing([one.model_dump() for one in found], columns, as_json=as_json, empty="There are no secret ids.")


@approle.command("rm-secret-id", examples="strongroom identity approle rm-secret-id etl 5b1c0d7f")
@click.argument("name")
@click.argument("accessor")
@json_option
def rm_secret_id(name: str, accessor: str, as_json: bool) -> None:
    """End a secret id."""
    with asked_service() as client:
        client.do("DELETE", f"{_path(name)}{records.at(accessor)}")
    if as_json:
        print_json({"removed": accessor})
    else:
        click.echo(f"The secret id {accessor} is good no more.")


def _path(name: str) -> str:
    return f"{records.BASE}/approles{records.at(name)}/secret-ids"
