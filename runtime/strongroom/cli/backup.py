"""``strongroom backup``: a copy of the whole registry in one file, and the proof that it is worth something."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from strongroom import __version__
from strongroom.cli.backup_report import amount, needed, problem_rows, summary_shape, tell_problems, workspace_shape
from strongroom.cli.kept_anchor import anchor_store
from strongroom.cli.outcome import Exit
from strongroom.cli.output import moment, print_json, printable
from strongroom.cli.teaching import TeachingGroup, json_option

if TYPE_CHECKING:
    from strongroom_registry.backup import BackupSummary
    from strongroom_registry.restoring import VerifiedBackup


class _Backup(TeachingGroup):
    """``strongroom backup FILE`` is short for ``strongroom backup make FILE``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        words = [word for word in args if not word.startswith("-")]
        if words and words[0] not in self.commands:
            args = ["make", *args]
        return super().parse_args(ctx, args)


@click.group(
    "backup",
    cls=_Backup,
    examples="""
        strongroom backup make /mnt/backups/monday.backup
        strongroom backup verify /mnt/backups/monday.backup
    """,
)
def backup() -> None:
    """Back up the whole registry, and prove backups.

    A backup is one file with all workspaces as they are at one moment, while others go on working. What is secret in it
    is sealed as in the registry, so that no key is needed to make one.

    `strongroom backup FILE` is short for `strongroom backup make FILE`.
    """


@backup.command(
    "make",
    examples="""
        strongroom backup make registry.backup
    """,
)
@click.argument("file", type=click.Path(path_type=Path))
@json_option
def make(file: Path, as_json: bool) -> None:
    """Write a backup to FILE, with mode 0600. A file that is there is not replaced."""
    from strongroom_registry.backup import back_up
    from strongroom_registry.settings import RegistrySettings
    from strongroom_registry.stores import open_store

    store = open_store(RegistrySettings().url, create=False)
    try:
        summary = back_up(store, file, made_by=__version__)
    finally:
        store.close()
    if as_json:
        print_json(summary_shape(summary))
    else:
        _tell_made(summary)


@backup.command(
    "verify",
    examples="""
        strongroom backup verify registry.backup
        strongroom backup verify registry.backup --key file:/mnt/safe/sr.key
    """,
)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--key", "keys", metavar="URI", multiple=True, help="Where a key is; can be repeated, for workspaces.")
@json_option
def verify(file: Path, keys: tuple[str, ...], as_json: bool) -> None:
    """Open everything in a backup, apart from any registry, and name what is wrong.

    It is unpacked, still sealed, into a temporary folder ($TMPDIR). Exits with 6 where something is wrong, with 5
    where a workspace could not be opened and nothing else is wrong.
    """
    from strongroom_registry.restoring import verify_backup

    found = verify_backup(file, key_uris=keys, anchors=anchor_store())
    if as_json:
        workspaces = [workspace_shape(workspace) for workspace in found.workspaces]
        print_json({**summary_shape(found.summary), "ok": found.ok, "workspaces": workspaces})
    else:
        tell_problems(found)
        _tell_verified(found)
    if any(problem_rows(workspace) for workspace in found.workspaces):
        raise SystemExit(Exit.INTEGRITY)
    if not found.ok:
        raise SystemExit(Exit.KEY)


def _tell_made(summary: BackupSummary) -> None:
    click.echo(f"Wrote {summary.path} ({summary.size:,} bytes).")
    for workspace in summary.workspaces:
        opens = f"It opens with {needed(workspace)}."
        click.echo(printable(f"{workspace.name}: {amount(workspace)}, change {workspace.seq}. {opens}"))
    click.echo(f"See whether it can be restored: strongroom backup verify {summary.path}")


def _tell_verified(found: VerifiedBackup) -> None:
    summary = found.summary
    made_by = printable(summary.made_by) or "(unknown)"
    click.echo(f"A backup of {moment(summary.made_at)}, by Strongroom {made_by}.")
    for workspace in found.workspaces:
        state = "all opens" if workspace.ok else "not as it was left" if workspace.problems else "not opened"
        here = workspace.backed_up
        later = workspace.anchor_seq is not None and workspace.anchor_seq > here.seq
        anchor = f"; its anchor is at change {workspace.anchor_seq}, later than that" if later else ""
        click.echo(printable(f"{here.name}: {state}: {amount(here)}, change {here.seq}{anchor}."))
