"""``strongroom keys``: who can open the registry, and giving it new keys while it is used."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import click

from strongroom.cli.confirmation import confirm, yes_option
from strongroom.cli.durations import DURATION
from strongroom.cli.outcome import CommandError, Exit
from strongroom.cli.output import Column, counted, listing, moment, on_terminal, print_json, printable
from strongroom.cli.session import opened_registry
from strongroom.cli.teaching import group, json_option

if TYPE_CHECKING:
    from strongroom_registry.key_care import KeyReport, KeyWrap, WrapReport
    from strongroom_registry.rotation import Progress, RotationReport

LEVELS = ("provider", "workspace", "data")


@group(
    "keys",
    aliases={"list": "ls", "rm": "remove"},
    examples="""
        strongroom keys recovery-kit                  # a second way in
        strongroom keys add awskms:alias/strongroom   # either key opens it
        strongroom keys rotate --level workspace
        strongroom keys check
    """,
)
def keys() -> None:
    """See who can open the registry, and give it new keys.

    Versions of blocks are sealed with keys of their own, these are wrapped by the workspace's key, and that is wrapped
    by one provider or several: a file, a passphrase, a cloud's KMS.
    """


@keys.command("ls", examples="strongroom keys ls --json | jq -r '.[].provider'")
@json_option
def ls(as_json: bool) -> None:
    """List the wraps of the workspace's keys, the newest epoch first."""
    with opened_registry() as registry:
        wraps = registry.keys()
    columns = [
        Column("epoch", "Epoch", right=True),
        Column("state", "State", style=lambda state: "" if state == "current" else "dim"),
        Column("provider", "Wrapped by", style="bold", fold=True),
        Column("fingerprint", "Fingerprint", show=None if as_json else lambda text: str(text)[:16]),
        Column("created", "Since", show=moment),
    ]
    listing([_shape(wrap) for wrap in wraps], columns, as_json=as_json, empty="There are no keys.")


@keys.command(
    "add",
    examples="""
        strongroom keys add file:/mnt/usb/strongroom.key    # made if it is not there
        strongroom keys add passphrase:                     # asks for one
    """,
)
@click.argument("uri", metavar="URI")
@json_option
def add(uri: str, as_json: bool) -> None:
    """Have the workspace's keys wrapped by one more provider. Either one opens the registry from then on."""
    with opened_registry() as registry:
        report = registry.add_key(uri)
    if as_json:
        print_json(_wraps_shape(report))
        return
    if report.new_key:
        click.echo(f"Made a key: {printable(report.new_key)}. Keep it apart from the data.")
    click.echo(f"{printable(report.added[0].provider)} opens the registry from now on.")


@keys.command("remove", examples="strongroom keys remove file:/mnt/usb/strongroom.key")
@click.argument("which", metavar="URI|FINGERPRINT")
@yes_option
@json_option
def remove(which: str, yes: bool, as_json: bool) -> None:
    """Remove what a provider wrapped, so that its key opens nothing any more.

    Backups from before can still be opened with it. The last wrap stays.
    """
    if not yes:
        confirm(which, to="remove", done="removed", consequence="Its key will open nothing any more.")
    with opened_registry() as registry:
        report = registry.remove_key(which)
    if as_json:
        print_json(_wraps_shape(report))
        return
    gone = report.removed[0]
    click.echo(f"{printable(gone.provider)} ({gone.fingerprint[:16]}) opens nothing any more, but backups from before.")
    _tell_scrubbed(report.scrubbed)


@keys.command(
    "rotate",
    examples="""
        strongroom keys rotate                     # a new workspace key
        strongroom keys rotate --level provider    # a new key file
        strongroom keys rotate --level provider --to awskms:alias/strongroom
        strongroom keys rotate --level data --older-than 90d
    """,
)
@click.option("--level", type=click.Choice(LEVELS), default="workspace", show_default=True, help="What is renewed.")
@click.option("--to", metavar="URI", help="The provider that is used from now on. With --level provider.")
@click.option("--older-than", type=DURATION, help="Only payloads of versions saved longer ago. With --level data.")
@json_option
def rotate(level: str, to: str | None, older_than: timedelta | None, as_json: bool) -> None:
    """Renew keys while others read and write.

    provider: wraps the workspace's key anew. workspace: a new workspace key, under which all data keys are wrapped
    anew. data: payloads are encrypted anew too, which is for after a leak. An interrupted rotation goes on where it
    was. Exits with 6 where rows are not as they were left: these stay under their key.
    """
    _check_options(level, to, older_than)
    show = None if as_json or not on_terminal() else _show_progress
    with opened_registry() as registry:
        report = registry.rotate(level, to=to, older_than=older_than, progress=show)
    if as_json:
        print_json(_rotation_shape(report))
    elif report.wraps is not None:
        _tell_wraps(report.wraps, to)
    else:
        _tell_rotation(report)
    if report.problems:
        raise SystemExit(Exit.INTEGRITY)


@keys.command("check", examples="strongroom keys check || echo look at the keys")
@json_option
def check(as_json: bool) -> None:
    """Try every wrap, and say what is left under older keys and what old backups still open with.

    A passphrase or recovery code is not asked for; it is tried where its variable is set. Exits with 5 if a wrap does
    not open.
    """
    with opened_registry() as registry:
        report = registry.check_keys()
    if as_json:
        print_json(_report_shape(report))
    else:
        _tell_report(report)
    if not report.wraps or any(wrap.opens is False for wrap in report.wraps):
        raise SystemExit(Exit.KEY)


@keys.command(
    "recovery-kit",
    examples="""
        strongroom keys recovery-kit > /dev/lp0        # on paper alone
        STRONGROOM_KEY=recovery: strongroom block ls   # asks for the code
    """,
)
@json_option
def recovery_kit(as_json: bool) -> None:
    """Make a code that opens the registry when its key is lost, and show it once. It ends any code before."""
    with opened_registry() as registry:
        kit = registry.recovery_kit()
        store_id, workspace = str(registry.store_id), registry.workspace
    if as_json:
        print_json({"store_id": store_id, "workspace": workspace, "code": kit.shown(), "scrubbed": kit.scrubbed})
        return
    click.echo("Strongroom recovery kit")
    click.echo()
    click.echo(f"  Registry   {store_id}")
    click.echo(f"  Workspace  {workspace}")
    click.echo(f"  Code       {kit.shown()}")
    click.echo()
    click.echo("Whoever has this code and the data can read everything. Keep it on paper, in a safe, apart from both.")
    click.echo("To use it: STRONGROOM_KEY=recovery: strongroom keys rotate --level provider --to file:/path/new.key")
    click.echo("The code is shown this once. The next kit ends it.")
    _tell_scrubbed(kit.scrubbed)


def _check_options(level: str, to: str | None, older_than: timedelta | None) -> None:
    if to is not None and level != "provider":
        raise CommandError(
            "--to goes with --level provider.", "To wrap with another provider too: keys add", Exit.USAGE
        )
    if older_than is not None and level != "data":
        raise CommandError("--older-than goes with --level data.", "The other levels renew everything.", Exit.USAGE)


def _show_progress(progress: Progress) -> None:
    share = 100 if not progress.total else min(100, 100 * progress.done // progress.total)
    click.echo(
        f"\rkey epoch {progress.epoch}: {progress.done:,} of {progress.total:,} rows, {share}% ", nl=False, err=True
    )


def _tell_wraps(report: WrapReport, to: str | None) -> None:
    if report.new_key:
        click.echo(f"Made a key: {printable(report.new_key)}. Keep it apart from the data.")
    if report.added:
        click.echo(f"{printable(report.added[0].provider)} wraps the workspace's key anew.")
    if report.former_key:
        click.echo(
            f"The former key lies in {printable(report.former_key)}: it opens backups from before, nothing else."
        )
    if to:
        click.echo(f"Tell Strongroom where the key is, from now on: export STRONGROOM_KEY={printable(to)}")
    _tell_scrubbed(report.scrubbed)


def _tell_scrubbed(scrubbed: bool) -> None:
    if not scrubbed:
        click.echo(
            "What was replaced may still stand in the store's files: another process reads, or this role does not own "
            "the tables. The next rotation cleans them.",
            err=True,
        )


def _tell_rotation(report: RotationReport) -> None:
    if on_terminal():
        click.echo(err=True)
    if report.resumed:
        click.echo("Finished a rotation that had been interrupted.")
    sealed = f", {counted(report.resealed, 'payload')} encrypted anew" if report.resealed else ""
    click.echo(f"Key epoch {report.epoch}: {counted(report.versions, 'version')} under the new key{sealed}.")
    if report.retired:
        retired = ", ".join(map(str, report.retired))
        click.echo(f"Retired epoch {retired}: its key opens the past of the audit, and no block any more.")
    _tell_scrubbed(report.scrubbed)
    for problem in report.problems[:20]:
        click.echo(printable(str(problem.error)), err=True)
    if report.problems:
        click.echo(f"{counted(len(report.problems), 'row')} under a former key, which is not retired.", err=True)


def _tell_report(report: KeyReport) -> None:
    columns = [
        Column("provider", "Wrapped by", style="bold", fold=True),
        Column("fingerprint", "Fingerprint", show=lambda text: str(text)[:16]),
        Column("result", "Opens", style=lambda result: "red" if result == "no" else ""),
        Column("problem", "Problem", fold=True),
    ]
    words = {True: "yes", False: "no", None: "not tried"}
    rows = [{**_shape(check.wrap), "result": words[check.opens], "problem": check.problem} for check in report.wraps]
    listing(rows, columns, as_json=False, empty="Nothing wraps the key.")
    *older, current = report.used
    click.echo()
    click.echo(f"Epoch {current.epoch}, the current one: {counted(current.versions, 'version')}.")
    for use in older:
        left = f"{counted(use.versions, 'version')} and {counted(use.heads, 'head')}"
        click.echo(f"Epoch {use.epoch}, not retired: {left} left.")
    if older:
        click.echo("Finish it: strongroom keys rotate")
    for removed in report.removed:
        when, who = moment(removed.removed_at), printable(removed.provider)
        click.echo(f"Backups from before {when} open with {who} ({removed.fingerprint[:16]}), which was removed.")


def _shape(wrap: KeyWrap) -> dict[str, Any]:
    return {
        "epoch": wrap.epoch,
        "state": wrap.state,
        "provider": wrap.provider,
        "fingerprint": wrap.fingerprint,
        "created": wrap.created_at,
    }


def _wraps_shape(report: WrapReport) -> dict[str, Any]:
    return {
        "added": [_shape(wrap) for wrap in report.added],
        "removed": [_shape(wrap) for wrap in report.removed],
        "new_key": report.new_key,
        "former_key": report.former_key,
        "scrubbed": report.scrubbed,
    }


def _rotation_shape(report: RotationReport) -> dict[str, Any]:
    return {
        "level": report.level.value,
        "epoch": report.epoch,
        "versions": report.versions,
        "resealed": report.resealed,
        "heads": report.heads,
        "retired": list(report.retired),
        "resumed": report.resumed,
        "scrubbed": report.scrubbed,
        "problems": [
            {"name": problem.name, "version": problem.version, "problem": str(problem.error)}
            for problem in report.problems
        ],
        "wraps": None if report.wraps is None else _wraps_shape(report.wraps),
    }


def _report_shape(report: KeyReport) -> dict[str, Any]:
    return {
        "ok": report.ok,
        "epochs": [{"epoch": use.epoch, "heads": use.heads, "versions": use.versions} for use in report.used],
        "wraps": [{**_shape(check.wrap), "opens": check.opens, "problem": check.problem} for check in report.wraps],
        "removed": [
            {"removed": key.removed_at, "provider": key.provider, "fingerprint": key.fingerprint}
            for key in report.removed
        ],
    }
