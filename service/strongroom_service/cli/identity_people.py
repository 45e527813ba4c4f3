"""``strongroom identity user``, ``account`` and ``group``: whom the server knows by name."""

from __future__ import annotations

import sys
from typing import Any

import click
from strongroom.cli.outcome import CommandError, Exit
from strongroom.cli.output import print_json
from strongroom.cli.teaching import group, json_option

from strongroom_service.cli import identity_records as records
from strongroom_service.cli.session import asked_service

ALIASES = {"list": "ls", "remove": "rm", "delete": "rm", "add": "set", "create": "set", "write": "set"}


@group(
    "user",
    aliases=ALIASES,
    examples="""
        strongroom identity user set alice --group analysts --metadata team=data
        strongroom identity user password alice       # asks for it
        strongroom identity user set alice --disable
    """,
)
def user() -> None:
    """People who log in with a password."""


@group(
    "account",
    aliases=ALIASES,
    examples="""
        strongroom identity account set ci --policy deploy
        strongroom token create --account ci --ttl 90d
    """,
)
def account() -> None:
    """Programs and machines that tokens are made for."""


@group("group", aliases=ALIASES, examples="strongroom identity group set analysts --policy readers")
def group_() -> None:
    """Policies that several have in common."""


records.add_listing(user, "users")
records.add_listing(account, "accounts")
records.add_listing(group_, "groups")


@user.command("show", examples="strongroom identity user show alice")
@click.argument("name")
@json_option
def show_user(name: str, as_json: bool) -> None:
    """Show a user."""
    from strongroom_service.api.identities import UserTold

    records.show("users", name, UserTold, as_json)


@user.command(
    "set",
    examples="""
        strongroom identity user set alice --full-name "Alice A." --policy readers
        strongroom identity user set alice --disable
    """,
)
@click.argument("name")
@click.option("--full-name", help="Who it is, for people.")
@records.policy_option
@records.group_option
@records.metadata_option
@records.disable_option
@json_option
def set_user(name: str, as_json: bool, **options: Any) -> None:
    """Make a user, or change what is said of one; what is not given stays."""
    from strongroom_service.api.identities import UserTold
    from strongroom_service.identity.people import User

    changes = records.given(**options)
    records.tell(records.change("users", "user", name, UserTold, User, changes), as_json)


@user.command(
    "password",
    examples="""
        strongroom identity user password alice
        strongroom identity user password alice < new-password.txt
    """,
)
@click.argument("name")
@json_option
def password(name: str, as_json: bool) -> None:
    """Give a user a password: it is asked for, or read from standard input. All tokens of the user end."""
    from strongroom_service.api.credentials import PasswordGiven
    from strongroom_service.cli.validation import validated

    given = validated(PasswordGiven, {"password": _new_password()})
    with asked_service() as client:
        client.do("PUT", f"{records.BASE}/users{records.at(name)}/password", given)
    if as_json:
        print_json({"name": name, "has_password": True})
    else:
        click.echo(f"The user {name} logs in with the new password from now on.")


@account.command("show", examples="strongroom identity account show ci")
@click.argument("name")
@json_option
def show_account(name: str, as_json: bool) -> None:
    """Show a service account."""
    from strongroom_service.api.identities import AccountTold

    records.show("accounts", name, AccountTold, as_json)


@account.command("set", examples='strongroom identity account set ci --description "GitHub" --policy deploy')
@click.argument("name")
@click.option("--description", help="What it is, for people.")
@records.policy_option
@records.group_option
@records.metadata_option
@records.disable_option
@json_option
def set_account(name: str, as_json: bool, **options: Any) -> None:
    """Make a service account, or change what is said of one; what is not given stays."""
    from strongroom_service.api.identities import AccountTold
    from strongroom_service.identity.people import Account

    changes = records.given(**options)
    records.tell(records.change("accounts", "account", name, AccountTold, Account, changes), as_json)


@group_.command("show", examples="strongroom identity group show analysts")
@click.argument("name")
@json_option
def show_group(name: str, as_json: bool) -> None:
    """Show a group."""
    from strongroom_service.api.identities import GroupTold

    records.show("groups", name, GroupTold, as_json)


@group_.command("set", examples="strongroom identity group set analysts --policy readers --policy testers")
@click.argument("name")
@click.option("--description", help="What it is for.")
@records.policy_option
@json_option
def set_group(name: str, as_json: bool, **options: Any) -> None:
    """Make a group, or change what is said of one; what is not given stays."""
    from strongroom_service.api.identities import GroupTold
    from strongroom_service.identity.people import Group

    changes = records.given(**options)
    records.tell(records.change("groups", "group", name, GroupTold, Group, changes), as_json)


def _new_password() -> str:
    if sys.stdin.isatty():
        return str(click.prompt("New password", hide_input=True, confirmation_prompt=True, err=True))
    text = sys.stdin.readline().rstrip("\r\n")
    if not text:
        raise CommandError("Nothing came in on standard input.", "Pipe the password in.", Exit.USAGE)
    return text
