"""``strongroom workspace``: rooms of one registry that know nothing of each other."""

from __future__ import annotations

import click

from strongroom.cli.completion import workspace_names
from strongroom.cli.confirmation import confirm, yes_option
from strongroom.cli.outcome import CommandError, Exit
from strongroom.cli.output import Column, counted, listing, print_json
from strongroom.cli.session import opened_registry
from strongroom.cli.teaching import group, json_option


@group(
    "workspace",
    aliases={"list": "ls", "create": "new", "remove": "rm", "delete": "rm"},
    examples="""
        strongroom workspace new team-a
        strongroom workspace use team-a
        strongroom workspace ls
    """,
)
def workspace() -> None:
    """Keep the blocks of teams or stages apart.

    Each workspace of a registry has blocks, keys and an audit of its own; nothing in one tells of another.
    """


@workspace.command(
    "new",
    examples="""
        strongroom workspace new team-a
        strongroom workspace new team-a --key file:/mnt/team-a/sr.key    # made
    """,
)
@click.argument("name")
@click.option("--key", "key_of_new", metavar="URI", help="A key of its own; else the one that opens the registry.")
@json_option
def new(name: str, key_of_new: str | None, as_json: bool) -> None:
    """Make a workspace. The key of the settings has to open another one of the registry."""
    from strongroom_registry.workspaces import new_workspace

    made = new_workspace(name, key_of_new=key_of_new)
    if as_json:
        print_json({"name": made.name, "id": str(made.id)})
        return
    click.echo(f"The workspace {made.name} is made. Work in it: strongroom workspace use {made.name}")
    if key_of_new is not None:
        click.echo(f"It opens with its own key alone: export STRONGROOM_KEY={key_of_new}")


@workspace.command("ls", examples="strongroom workspace ls --json | jq -r '.[].name'")
@json_option
def ls(as_json: bool) -> None:
    """List the workspaces that the key opens. Of others it does not tell that they are there."""
    from strongroom_registry.settings import RegistrySettings
    from strongroom_registry.workspaces import list_workspaces

    used = RegistrySettings().workspace
    rows = [
        {
            "name": found.name,
            "used": found.name == used,
            "changes": found.seq,
            "id": str(found.id),
            "quarantine": found.quarantine,
        }
        for found in list_workspaces()
    ]
    columns = [
        Column("name", "Name", style="bold"),
        Column("used", "Used", show=lambda is_used: "yes" if is_used else ""),
        Column("changes", "Changes", right=True),
    ]
    if any(row["quarantine"] for row in rows):
        columns.append(Column("quarantine", "Quarantine", style="red", fold=True))
    listing(rows, columns, as_json=as_json, empty="There is no workspace that you may list.")


@workspace.command(
    "use",
    examples="""
        strongroom workspace use team-a
        STRONGROOM_WORKSPACE=team-b strongroom block ls      # once
    """,
)
@click.argument("name", shell_complete=workspace_names)
@json_option
def use(name: str, as_json: bool) -> None:
    """Work in another workspace from now on, where STRONGROOM_WORKSPACE does not say otherwise.

    It is written to config.toml in ~/.config/strongroom, once the key opens it.
    """
    import os

    from strongroom_registry.configuration import write_setting

    with opened_registry(workspace=name):
        pass
    path = write_setting("workspace", name)
    overruled = os.environ.get("STRONGROOM_WORKSPACE") or None
    if as_json:
        print_json({"workspace": name, "file": str(path), "overruled_by": overruled})
        return
    click.echo(f"The workspace is {name} from now on, as {path} says.")
    if overruled not in (None, name):
        click.echo(f"Here STRONGROOM_WORKSPACE is set, to {overruled}, and counts for more.", err=True)


@workspace.command(
    "rm",
    examples="""
        strongroom workspace rm team-a              # asks for its name
        strongroom workspace rm team-a --force      # with the blocks that are in it
    """,
)
@click.argument("name", shell_complete=workspace_names)
@click.option("--force", is_flag=True, help="Remove it though there are live blocks in it.")
@yes_option
@json_option
def rm(name: str, force: bool, yes: bool, as_json: bool) -> None:
    """Remove a workspace with its keys, its audit and all that was ever in it, for good.

    Refused while there are live blocks in it, unless --force is given; and if it is the only one.
    """
    from strongroom_registry.settings import RegistrySettings
    from strongroom_registry.workspaces import remove_workspace

    if name == RegistrySettings().workspace:
        raise CommandError(
            f"{name} is the workspace in use.", "Use another one first: strongroom workspace use NAME", Exit.REFUSED
        )
    if not yes:
        with opened_registry(workspace=name) as registry:
            live = len(registry.list())
        held = f"It has {counted(live, 'live block')}. " if live else ""
        if not live or force:
            confirm(name, to="remove", done="removed", consequence=f"{held}This cannot be undone.")
    removed = remove_workspace(name, force=force)
    if as_json:
        print_json({"name": removed.name, "id": str(removed.id)})
    else:
        click.echo(f"The workspace {removed.name} is removed. Backups that were made before still have it.")
