"""``strongroom lease``: credentials that are made on demand."""

from __future__ import annotations

import shlex
from datetime import timedelta
from pathlib import Path
from typing import Any

import click
from strongroom.cli.durations import DURATION, seconds_of
from strongroom.cli.outcome import CommandError, Exit
from strongroom.cli.output import Column, facts, listing, moment, print_json
from strongroom.cli.teaching import group, json_option

from strongroom_service.cli.session import asked_service
from strongroom_service.cli.validation import text_of

_LEASE_HELP = "LEASE is what `lease get` and `lease ls` show: role/id, or workspace/role/id."


@group(
    "lease",
    aliases={"list": "ls", "create": "get", "new": "get", "rm": "revoke"},
    examples="""
        strongroom lease roles
        strongroom lease get reader --ttl 15m
        eval "$(strongroom lease get reader --env PG)"
        strongroom lease ls --stuck
        strongroom lease renew reader/4f1d…
        strongroom lease revoke reader/4f1d…
    """,
)
def lease() -> None:
    """Have short-lived credentials made on demand.

    A role says what is made: a PostgreSQL user, keys of AWS, a Snowflake user. Who asks gets one of his own, which is
    taken back when its time is over, when it is revoked, or when the token that asked for it ends.
    """


@lease.command(
    "get",
    examples="""
        strongroom lease get reader
        strongroom lease get reader --ttl 15m --json | jq -r .credential.password
        eval "$(strongroom lease get loader --env AWS)"     # AWS_ACCESS_KEY_ID, …
    """,
)
@click.argument("role")
@click.option("--ttl", type=DURATION, help="How long it is to work; the role's default if not given.")
@click.option(
    "--env", "prefix", metavar="PREFIX", help="Print assignments for a shell: PREFIX_USER=…, PREFIX_PASSWORD=…."
)
@json_option
def get(role: str, ttl: timedelta | None, prefix: str | None, as_json: bool) -> None:
    """Have a credential made, and print it. It is shown once and kept nowhere."""
    from strongroom_registry.remote.connection import at

    from strongroom_service.api.leases import LeaseMade, NewLease

    workspace, name = _place(role, 1)
    body = NewLease(role=name, ttl_seconds=seconds_of(ttl))
    with asked_service() as client:
        made = client.send("POST", f"/workspaces{at(workspace)}/leases", body, LeaseMade)
    if as_json:
        print_json(made.model_dump())
    elif prefix is not None:
        for key, value in made.credential.items():
            click.echo(f"export {prefix.upper()}_{key.upper()}={shlex.quote(value)}")
        click.echo(f"# {made.id}, until {moment(made.until)}")
    else:
        facts([("Lease", made.id), ("Until", moment(made.until)), *made.credential.items()])


@lease.command("ls", examples="strongroom lease ls --role reader --json | jq -r '.[].id'")
@click.option("--role", default="", help="Those of one role.")
@click.option("--stuck", is_flag=True, help="Those that could not be ended, again and again.")
@click.option("--workspace", "-w", help="By default the one of the settings.")
@json_option
def ls(role: str, stuck: bool, workspace: str | None, as_json: bool) -> None:
    """List leases: your own, and those that you may list."""
    from strongroom_registry.remote.connection import at

    from strongroom_service.api.leases import LeaseList

    path = f"/workspaces{at(workspace or _workspace())}/leases"
    with asked_service() as client:
        lines = [one for page in client.all(path, LeaseList, role=role, stuck=stuck) for one in page.leases]
    rows: list[dict[str, Any]] = []
    for line in lines:
        known = line.lease.model_dump() if line.lease else {"state": "quarantined", "problem": line.quarantine}
        rows.append({**known, "id": line.id})
    columns = [
        Column("id", "Lease", style="bold"),
        Column("state", "State", show=str),
        Column("identity", "For"),
        Column("until", "Until", show=moment),
        Column("name", "Name"),
        Column("problem", "Problem", fold=True),
    ]
    listing(rows, columns, as_json=as_json, empty="There is no lease that you may list.")


@lease.command(
    "renew",
    examples="strongroom lease renew reader/4f1d… --ttl 1h",
    help=f"Have a credential work longer. {_LEASE_HELP}",
)
@click.argument("lease_id", metavar="LEASE")
@click.option("--ttl", type=DURATION, help="From now on; as long as it was made for if not given.")
@json_option
def renew(lease_id: str, ttl: timedelta | None, as_json: bool) -> None:
    from strongroom_service.api.leases import LeaseTold, Renewal

    with asked_service() as client:
        told = client.send("POST", f"{_path(lease_id)}/renew", Renewal(ttl_seconds=seconds_of(ttl)), LeaseTold)
    if as_json:
        print_json(told.model_dump())
    else:
        click.echo(f"It works until {moment(told.until)}.")


@lease.command("revoke", examples="strongroom lease revoke reader/4f1d…", help=f"Take a credential back. {_LEASE_HELP}")
@click.argument("lease_id", metavar="LEASE")
@json_option
def revoke(lease_id: str, as_json: bool) -> None:
    from strongroom_service.api.leases import LeaseRevoked

    with asked_service() as client:
        told = client.send("DELETE", _path(lease_id), None, LeaseRevoked)
    if as_json:
        print_json(told.model_dump())
    elif told.lease is None:
        click.echo("The credential is gone.")
    elif told.lease.state == "lapsing":
        click.echo(f"It is revoked, but its system takes nothing back: it works until {moment(told.lease.until)}.")
    else:
        click.echo(f"It could not be taken back yet, and is tried again: {told.lease.problem or 'it is being made'}")


@lease.command("revoke-all", examples="strongroom lease revoke-all reader")
@click.argument("role")
@json_option
def revoke_all(role: str, as_json: bool) -> None:
    """Take the credentials of all leases of a role back."""
    from strongroom_registry.remote.connection import at

    from strongroom_service.api.leases import LeasesRevoked, RoleAsked

    workspace, name = _place(role, 1)
    with asked_service() as client:
        told = client.send("POST", f"/workspaces{at(workspace)}/leases/revoke", RoleAsked(role=name), LeasesRevoked)
    if as_json:
        print_json(told.model_dump())
    else:
        click.echo(f"{told.ending} are being ended.")


@lease.command(
    "forget", examples="strongroom lease forget reader/4f1d…", help=f"Strike a lease off as it is. {_LEASE_HELP}"
)
@click.argument("lease_id", metavar="LEASE")
def forget(lease_id: str) -> None:
    with asked_service() as client:
        client.do("POST", f"{_path(lease_id)}/forget")
    click.echo("The lease is struck off. Its credential was not taken back.")


@lease.command("roles", examples="strongroom lease roles --json")
@click.option("--workspace", "-w", help="By default the one of the settings.")
@json_option
def roles(workspace: str | None, as_json: bool) -> None:
    """List the roles that leases are made by."""
    from strongroom_registry.remote.connection import at

    from strongroom_service.api.lease_roles import LeaseRoleList

    path = f"/workspaces{at(workspace or _workspace())}/lease-roles"
    with asked_service() as client:
        rows = [one.model_dump() for page in client.all(path, LeaseRoleList) for one in page.roles]
    columns = [
        Column("name", "Role", style="bold"),
        Column("engine", "Engine"),
        Column("default_ttl", "Seconds", right=True),
        Column("max_ttl", "At most", right=True),
    ]
    listing(rows, columns, as_json=as_json, empty="There is no lease role that you may list.")


@lease.command("role", examples="strongroom lease role reader > reader.yaml")
@click.argument("role")
@json_option
def show_role(role: str, as_json: bool) -> None:
    """Show a role, in the form that `define` takes."""
    from strongroom_service.api.lease_roles import LeaseRoleTold

    with asked_service() as client:
        told = client.get(_role_path(role), LeaseRoleTold)
    if as_json:
        print_json(told.model_dump())
        return
    import yaml

    click.echo(f"# lease role {told.name}, version {told.version}")
    click.echo(yaml.safe_dump(told.role.model_dump(mode="json"), sort_keys=False, allow_unicode=True), nl=False)


@lease.command("define", examples="strongroom lease define reader reader.yaml")
@click.argument("role")
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True))
@json_option
def define(role: str, file: Path, as_json: bool) -> None:
    """Define a role from a file of YAML or JSON; "-" is standard input."""
    from strongroom_service.api.lease_roles import LeaseRoleTold

    body = _read_role(file)
    with asked_service() as client:
        told = client.send("PUT", _role_path(role), body, LeaseRoleTold)
    if as_json:
        print_json(told.model_dump())
    else:
        click.echo(f"The lease role {told.name} is defined: version {told.version}.")


@lease.command("undefine", examples="strongroom lease undefine reader")
@click.argument("role")
def undefine(role: str) -> None:
    """Remove a role. Its leases go on to their end."""
    with asked_service() as client:
        client.do("DELETE", _role_path(role))
    click.echo("The role is removed.")


def _read_role(file: Path) -> Any:
    import yaml
    from pydantic import ValidationError

    from strongroom_service.leases.role import LeaseRole
    from strongroom_service.telling import faults

    text = text_of(file)
    try:
        return LeaseRole.model_validate(yaml.safe_load(text))
    except yaml.YAMLError:
        raise CommandError(f"{file} is no YAML.", "Write fields as `engine: postgresql`.", Exit.USAGE) from None
    except ValidationError as error:
        told = faults(error, names_keys=True)
        problem = CommandError(f"{file} is no lease role: {told}.", "Correct these fields.", Exit.USAGE)
    raise problem


def _workspace() -> str:
    from strongroom_registry.settings import RegistrySettings

    return RegistrySettings().workspace


def _place(text: str, parts: int) -> list[str]:
    """The workspace, and what is in it: that of the settings where only the latter is said."""
    found = text.split("/")
    if len(found) == parts:
        return [_workspace(), *found]
    if len(found) == parts + 1:
        return found
    shape = "role" if parts == 1 else "role/id"
    raise click.UsageError(f"{text!r:.100} names nothing: write {shape}, or workspace/{shape}.")


def _path(lease_id: str) -> str:
    from strongroom_registry.remote.connection import at

    workspace, role, id = _place(lease_id, 2)
    return f"/workspaces{at(workspace)}/leases{at(role, id)}"


def _role_path(role: str) -> str:
    from strongroom_registry.remote.connection import at

    workspace, name = _place(role, 1)
    return f"/workspaces{at(workspace)}/lease-roles{at(name)}"
