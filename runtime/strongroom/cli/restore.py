"""``strongroom restore``: a registry out of a backup."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from strongroom.cli.backup_report import amount, needed, summary_shape
from strongroom.cli.kept_anchor import anchor_store
from strongroom.cli.outcome import CommandError, Exit
from strongroom.cli.output import moment, print_json, printable
from strongroom.cli.teaching import command, json_option

if TYPE_CHECKING:
    from strongroom_registry.backup import BackupSummary


@command(
    "restore",
    examples="""
        strongroom restore monday.backup              # to where the settings say
        strongroom restore monday.backup --to sqlite:////srv/new/registry.db
        strongroom restore monday.backup --to postgresql://db.example.com/sr
    """,
)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--to", "url", metavar="URL", help="Where to; by default, where the settings say that the registry is.")
@click.option("--key", "keys", metavar="URI", multiple=True, help="Where a key is; can be repeated, for workspaces.")
@click.option("--reset-anchor", is_flag=True, help="Accept that the backup is older than its anchor says.")
@click.option("--without-key", is_flag=True, help="Restore it sealed: check the file alone, and open nothing.")
@json_option
def restore(
    file: Path, url: str | None, keys: tuple[str, ...], reset_anchor: bool, without_key: bool, as_json: bool
) -> None:
    """Make an empty place what a backup holds.

    Everything in the backup is opened first, and nothing is written if any of it is not as it was left. A place where
    there is a registry already is refused. All workspaces, all versions and the audit are as they were, and the
    registry opens with the key that it had.
    """
    from strongroom_registry.restoring import restore_backup, restore_sealed
    from strongroom_registry.settings import RegistrySettings

    if without_key and (keys or reset_anchor):
        raise CommandError(
            "--without-key opens nothing and proves nothing to an anchor.",
            "Leave out --key and --reset-anchor, or leave out --without-key.",
            Exit.USAGE,
        )
    place = url or RegistrySettings().url
    if without_key:
        summary = restore_sealed(file, place, anchors=anchor_store())
    else:
        summary = restore_backup(file, place, key_uris=keys, anchors=anchor_store(), reset_anchors=reset_anchor).summary
    shape: dict[str, Any] = {**summary_shape(summary), "opened": not without_key}
    if as_json:
        print_json(shape)
    else:
        _tell(summary, opened=not without_key)


def _tell(summary: BackupSummary, *, opened: bool) -> None:
    click.echo(f"Restored what {summary.path} holds of {moment(summary.made_at)}.")
    for workspace in summary.workspaces:
        click.echo(printable(f"{workspace.name}: {amount(workspace)}. It opens with {needed(workspace)}."))
    if not opened:
        click.echo("Nothing of it was opened: run strongroom verify where the key is.")
