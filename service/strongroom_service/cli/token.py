"""``strongroom token``: what people and machines are known by."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import click
from strongroom.cli.durations import DURATION, seconds_of, written
from strongroom.cli.output import Column, counted, facts, listing, moment, print_json
from strongroom.cli.teaching import group, json_option

from strongroom_service.cli.session import asked_service

if TYPE_CHECKING:
    from strongroom_service.api.token_shapes import TokenTold


@group(
    "token",
    aliases={"list": "ls", "inspect": "show", "new": "create", "rm": "revoke", "delete": "revoke"},
    examples="""
        strongroom token show                               # your own
        strongroom token create --policy readers --ttl 8h
        strongroom token create --account ci --ttl 30d      # for a service account
        strongroom token revoke 3kTq0Zb81xYd                # with all made with it
    """,
)
def token() -> None:
    """Make, see, renew and revoke tokens.

    A token is shown once, when it is made. From then on it is named by its accessor, the 12 characters behind srt_,
    which are no secret.
    """


@token.command(
    "create",
    examples="""
        strongroom token create --policy readers --name grafana --ttl 30d
        strongroom token create --account ci --network 10.0.0.0/8
        strongroom token create --policy readers --uses 1 --ttl 10m
    """,
)
@click.option("--policy", "policies", multiple=True, help="What it may do; repeatable. By default what you may.")
@click.option("--account", help="The service account that it is for.")
@click.option("--name", default="", help="For people to know it by.")
@click.option("--ttl", type=DURATION, help="How long it lives, unless it is renewed: 8h, 30d.")
@click.option("--max-ttl", type=DURATION, help="How long at most, renewals included.")
@click.option("--period", type=DURATION, help="How far each renewal reaches, without end.")
@click.option("--uses", type=click.IntRange(1), help="How many requests it is good for.")
@click.option("--network", "networks", multiple=True, metavar="CIDR", help="Where it can be used from; repeatable.")
@click.option("--orphan", is_flag=True, help="Have it stay when your own token ends.")
@click.option("--not-renewable", is_flag=True, help="Have it end when its time is over.")
@json_option
def create(
    policies: tuple[str, ...], account: str | None, name: str, ttl: timedelta | None, max_ttl: timedelta | None,
    period: timedelta | None, uses: int | None, networks: tuple[str, ...], orphan: bool, not_renewable: bool,
    as_json: bool,
) -> None:  # fmt: skip
    """Make a token, and print it: nobody can look it up later.

    How long any may live is the server's to say, 32 days unless it is set. Where all tokens are lost,
    `strongroom server new-root-token` is the way back in.
    """
    from strongroom_service.api.token_shapes import IssuedToken, TokenAsked
    from strongroom_service.cli.validation import validated

    given = {
        "policies": policies or None,
        "account": account,
        "name": name,
        "ttl_seconds": seconds_of(ttl),
        "max_ttl_seconds": seconds_of(max_ttl),
        "period_seconds": seconds_of(period),
        "uses": uses,
        "networks": networks,
        "orphan": orphan,
        "renewable": not not_renewable,
    }
    asked = validated(TokenAsked, given)
    with asked_service() as client:
        made = client.send("POST", "/tokens", asked, IssuedToken)
    if as_json:
        print_json(made.model_dump(mode="json"))
        return
    click.echo(made.token)
    _tell(made.about, err=True)
    lives = timedelta(seconds=made.about.ttl_seconds)
    if ttl is not None and lives < min(ttl, max_ttl or ttl):
        click.echo(
            f"It lives {written(lives)} and not {written(ttl)}: the server allows no more. "
            "One with --period can be renewed without end.",
            err=True,
        )


@token.command("ls", examples="strongroom token ls --json | jq -r '.[].accessor'")
@json_option
def ls(as_json: bool) -> None:
    """List the tokens that are good now."""
    from strongroom_service.api.token_shapes import TokenPage

    with asked_service() as client:
        rows = [one.model_dump() for page in client.all("/tokens", TokenPage) for one in page.tokens]
    columns = [
        Column("accessor", "Accessor", style="bold"),
        Column("identity", "Identity", fold=True),
        Column("name", "Name", fold=True),
        Column("policies", "Policies", fold=True),
        Column("expires", "Until", show=moment),
        Column("uses", "Uses left", right=True),
    ]
    listing(rows, columns, as_json=as_json, empty="There are no tokens.")


@token.command(
    "show",
    examples="""
        strongroom token show                    # your own
        strongroom token show 3kTq0Zb81xYd
    """,
)
@click.argument("accessor", required=False)
@json_option
def show(accessor: str | None, as_json: bool) -> None:
    """Show a token: whose it is, what it may do and until when. By default your own."""
    from strongroom_service.api.token_shapes import TokenTold

    with asked_service() as client:
        about = client.get(_path(accessor), TokenTold)
    if as_json:
        print_json(about.model_dump(mode="json"))
    else:
        _tell(about)


@token.command("renew", examples="strongroom token renew --ttl 8h")
@click.argument("accessor", required=False)
@click.option("--ttl", type=DURATION, help="For how long from now; by default as long as it was made for.")
@json_option
def renew(accessor: str | None, ttl: timedelta | None, as_json: bool) -> None:
    """Have a token live on. By default your own."""
    from strongroom_service.api.token_shapes import RenewalAsked, TokenTold

    with asked_service() as client:
        about = client.send("POST", f"{_path(accessor)}/renew", RenewalAsked(ttl_seconds=seconds_of(ttl)), TokenTold)
    if as_json:
        print_json(about.model_dump(mode="json"))
    else:
        click.echo(f"Token {about.accessor} is good until {moment(about.expires) or 'it is revoked'}.")


@token.command("revoke", examples="strongroom token revoke 3kTq0Zb81xYd")
@click.argument("accessor")
@json_option
def revoke(accessor: str, as_json: bool) -> None:
    """Revoke a token at once, and all that were made with it."""
    from strongroom_service.api.token_shapes import Ended

    with asked_service() as client:
        ended = client.send("DELETE", _path(accessor), None, Ended).ended
    if as_json:
        print_json({"ended": ended})
    else:
        click.echo(f"{counted(ended, 'token')} ended.")


def _path(accessor: str | None) -> str:
    from strongroom_registry.remote.connection import at

    return f"/tokens{at(accessor)}" if accessor else "/tokens/self"


def _tell(about: TokenTold, *, err: bool = False) -> None:
    pairs: list[tuple[str, Any]] = [
        ("Accessor", about.accessor),
        ("Identity", about.identity),
        ("Name", about.name),
        ("Policies", ", ".join(about.policies)),
        ("Made", moment(about.created)),
        ("Until", moment(about.expires) or "revoked"),
        ("Uses left", "" if about.uses is None else str(about.uses)),
        ("Networks", ", ".join(about.networks)),
        ("Ends with", about.parent or ""),
    ]
    if err:
        for name, value in pairs:
            if value:
                click.echo(f"{name:<10} {value}", err=True)
    else:
        facts(pairs)
