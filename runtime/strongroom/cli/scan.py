"""``strongroom scan``: find values of stored secrets where they should not be, without telling them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from strongroom.cli.outcome import CommandError, Exit, exit_code, redacted, sentence
from strongroom.cli.output import Column, counted, listing, print_json, printable
from strongroom.cli.session import opened_registry
from strongroom.cli.teaching import command, json_option

if TYPE_CHECKING:
    from strongroom.scanning import Finding, Scan, Skipped, Sought
    from strongroom.scanning.matcher import Matcher

LEAST_LENGTH = 8
_NAMED = 20


@command(
    "scan",
    examples="""
        strongroom scan .                        # ignored and binary files too
        strongroom scan . --git                  # and all of git's history
        strongroom scan /var/log --all-versions  # older passwords too
        kubectl logs app | strongroom scan -
        strongroom scan . --json | jq -r '.found[].path'

        # where the secrets must not be: fingerprints made here, used there
        strongroom scan --index out.idx --seal passphrase:
        strongroom scan . --git --with out.idx --key passphrase:
    """,
)
@click.argument("paths", nargs=-1, metavar="[PATH]...", type=click.Path(allow_dash=True, path_type=Path))
@click.option("--git", is_flag=True, help="Search the history of each PATH's repository too.")
@click.option("--block", "glob", default="*", metavar="GLOB", help="Only secrets of these blocks.")
@click.option("--all-versions", is_flag=True, help="Secrets of older versions too.")
@click.option(
    "--min-length",
    default=LEAST_LENGTH,
    show_default=True,
    type=click.IntRange(5, 1024),
    help="Leave shorter secrets out.",
)
@click.option(
    "--index", type=click.Path(dir_okay=False, path_type=Path), help="Write fingerprints to this file instead."
)
@click.option("--seal", "seal_to", multiple=True, metavar="URI", help="Seal the index to a key, or to passphrase:.")
@click.option("--weak", is_flag=True, help="Have secrets that could be guessed in the index too.")
@click.option(
    "--with",
    "index_used",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Search with fingerprints, no registry.",
)
@click.option("--key", "keys", multiple=True, metavar="URI", help="What opens an index that is sealed.")
@json_option
def scan(
    paths: tuple[Path, ...], git: bool, glob: str, all_versions: bool, min_length: int, index: Path | None,
    seal_to: tuple[str, ...], weak: bool, index_used: Path | None, keys: tuple[str, ...], as_json: bool,
) -> None:  # fmt: skip
    """Find values of stored secrets in files and git history.

    Says which field of which block, where and in what form (raw, url, base64, hex, json, utf-16), and never the
    value. Opens every secret, which the audit keeps, or takes an index of fingerprints instead.

    Exits with 1 where something is found, with 2 where nothing is found and something could not be searched.
    """
    _check(paths, git, index, seal_to, weak, index_used, keys)
    if index_used is not None and (glob, all_versions, min_length) != ("*", False, LEAST_LENGTH):
        raise CommandError("An index says itself what is looked for.", "Choose when you write it.", Exit.USAGE)
    with _failing_with_2():
        if index is not None:
            _write_index(index, glob, all_versions, min_length, seal_to, weak)
            return
        done, skipped = _done(paths, git, glob, all_versions, min_length, index_used, keys)
    _tell(done, skipped, as_json)
    if done.found:
        raise SystemExit(Exit.FAILED)
    if done.unread or not all(each.expected for each in skipped):
        raise SystemExit(Exit.USAGE)


@contextmanager
def _failing_with_2() -> Iterator[None]:
    """1 says that something was found, so that no error without a code of its own may end with it."""
    try:
        yield
    except Exception as error:
        if exit_code(error) is not Exit.FAILED:
            raise
        told = sentence(error)
    else:
        return
    raise CommandError(told, code=Exit.USAGE)


def _done(
    paths: tuple[Path, ...], git: bool, glob: str, all_versions: bool, min_length: int, index_used: Path | None,
    keys: tuple[str, ...],
) -> tuple[Scan, list[Skipped]]:  # fmt: skip
    sought: list[Sought] = []
    skipped: list[Skipped] = []
    if index_used is None:
        sought, skipped = _sought(glob, all_versions, min_length)
    return _searched(paths, git, _matcher(sought, index_used, keys)), skipped


def _check(
    paths: tuple[Path, ...], git: bool, index: Path | None, seal_to: tuple[str, ...], weak: bool,
    index_used: Path | None, keys: tuple[str, ...],
) -> None:  # fmt: skip
    wrong = ""
    if index is not None and (paths or git or index_used or keys):
        wrong = "--index writes fingerprints and searches nothing."
    elif index is None and not paths:
        wrong = "No place to search is named."
    elif (seal_to or weak) and index is None:
        wrong = "--seal and --weak are for an --index."
    elif keys and index_used is None:
        wrong = "--key opens the index that is named --with."
    if wrong:
        raise CommandError(wrong, "See: strongroom scan --help", Exit.USAGE)


def _sought(glob: str, all_versions: bool, min_length: int) -> tuple[list[Sought], list[Skipped]]:
    from strongroom.scanning import sought_secrets

    with opened_registry() as registry:
        return sought_secrets(registry, glob=glob, all_versions=all_versions, least_length=min_length)


def _matcher(sought: list[Sought], index: Path | None, keys: tuple[str, ...]) -> Matcher:
    from strongroom.scanning import ValueMatcher, read_index

    return ValueMatcher(sought) if index is None else read_index(index, keys)


def _write_index(
    path: Path, glob: str, all_versions: bool, min_length: int, seal_to: tuple[str, ...], weak: bool
) -> None:
    from strongroom.scanning import sought_secrets, write_index
    from strongroom.scanning.fingerprints import make_index

    with opened_registry() as registry:
        sought, skipped = sought_secrets(registry, glob=glob, all_versions=all_versions, least_length=min_length)
        content, left_out = make_index(registry, sought, weak=weak or bool(seal_to))
    write_index(path, content, seal_to)
    _tell_skipped([*skipped, *left_out])
    kept = sum(len(secret.owners) for secret in sought) - len(left_out)
    if not all(each.expected for each in skipped):
        raise CommandError("The index lacks what is told above.", "Correct it, and write the index anew.", Exit.USAGE)
    click.echo(f"{path}: fingerprints of {counted(kept, 'secret')}.")


def _searched(paths: tuple[Path, ...], git: bool, matcher: Matcher) -> Scan:
    from strongroom.errors import ScanProblem
    from strongroom.scanning import Scan, Skipped
    from strongroom.scanning.history import scan_history
    from strongroom.scanning.places import scan_path, scan_stream

    done = Scan()
    repositories: set[str] = set()
    for path in paths:
        if str(path) == "-":
            scan_stream(sys.stdin.buffer, "-", matcher, done)
            continue
        scan_path(path, matcher, done)
        try:
            if git:
                scan_history(path, matcher, done, done=repositories)
        except ScanProblem as error:
            done.unread.append(Skipped(str(path), str(error)))
    return done


def _shape(finding: Finding) -> dict[str, Any]:
    return {
        "block": finding.owner.block,
        "field": finding.owner.field,
        "path": redacted(finding.path),
        "line": finding.line,
        "form": finding.form,
        "commit": finding.commit,
    }


def _tell(done: Scan, skipped: list[Skipped], as_json: bool) -> None:
    rows = [_shape(finding) for finding in done.found]
    if as_json:
        unread = [{"what": redacted(each.what), "why": each.why} for each in done.unread]
        left_out = [{"what": each.what, "why": each.why} for each in skipped]
        searched = {"files": done.files, "objects": done.objects, "bytes": done.bytes}
        print_json({"found": rows, "unread": unread, "left_out": left_out, "searched": searched})
        return
    columns = [
        Column("block", "Block", style="bold"),
        Column("field", "Field"),
        Column("where", "Where", fold=True),
        Column("form", "Form"),
        Column("commit", "Commit", show=lambda commit: str(commit)[:12]),
    ]
    if not any(row["commit"] for row in rows):
        columns.pop()
    history = f" and {done.objects:,} objects of git" if done.objects else ""
    nothing = f"Nothing was found in {counted(done.files, 'file')}{history}."
    listing([{**row, "where": f"{row['path']}:{row['line']}"} for row in rows], columns, as_json=False, empty=nothing)
    _tell_skipped(skipped)
    for each in done.unread:
        click.echo(f"Not searched: {printable(redacted(each.what))}: {printable(each.why)}", err=True)


def _tell_skipped(skipped: list[Skipped]) -> None:
    """What was left out, one line for each reason: of a thousand blocks, many have the same."""
    reasons: dict[str, list[str]] = {}
    for each in skipped:
        reasons.setdefault(each.why, []).append(each.what)
    for why, left_out in reasons.items():
        more = f" and {len(left_out) - _NAMED:,} more" if len(left_out) > _NAMED else ""
        click.echo(f"Not looked for: {printable(', '.join(left_out[:_NAMED]))}{more}: {printable(why)}", err=True)
