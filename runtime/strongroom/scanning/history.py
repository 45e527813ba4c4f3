"""Secrets in git's history: in every version of every file, and in the messages of commits and tags.

git itself reads the repository. Nothing of it is checked out, no hook runs, and nothing is fetched.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO, NamedTuple

from strongroom.errors import ScanProblem
from strongroom.scanning.findings import Scan, Skipped
from strongroom.scanning.matcher import CHUNK, Found, Matcher, Readable, search
from strongroom.scanning.places import Counted, findings

MESSAGE = "(message)"
_REVISIONS = ("--all", "--reflog")
_HEADER_MAX = 1 << 16
_QUIET = ("-c", "core.fsmonitor=false", "-c", "core.quotePath=false")


class _Object(NamedTuple):
    """What ``git cat-file --batch`` says of an object before its content."""

    name: str
    kind: str
    size: int
    path: str


def scan_history(folder: Path, matcher: Matcher, scan: Scan, *, done: set[str]) -> None:
    """Look through all that the repository which ``folder`` belongs to can reach: from its branches, tags, stashes,
    HEAD and reflogs, files that were deleted long ago included.

    :param done: the repositories that were looked through already, to which this one is added.
    :raises ScanProblem: there is no repository, git is not installed, or it fails.
    """
    place, repository = _repository(folder)
    if repository in done:
        return
    done.add(repository)
    blobs: dict[str, tuple[str, list[Found]]] = {}
    with _objects(place) as source:
        for each, content in _each(source, scan):
            if each.kind == "tree":
                continue
            scan.objects += 1
            found = list(search(Counted(content, scan), matcher))
            if found and each.kind == "blob":
                blobs[each.name] = (each.path, found)
            elif found:
                scan.found += findings(found, MESSAGE, each.name)
    origins = _origins(place, set(blobs)) if blobs else {}
    for name, (path, found) in blobs.items():
        commit, path_there = origins.get(name, (None, f"{path} (blob {name})".strip()))
        scan.found += findings(found, path_there, commit)


def _environment() -> dict[str, str]:
    """The caller's, without what points git at another repository; and with all that would fetch switched off."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return kept | {
        "GIT_ALLOW_PROTOCOL": "none",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_TERMINAL_PROMPT": "0",
        "LC_ALL": "C.UTF-8",
    }


def _command(place: Path, *words: str) -> list[str]:
    return ["git", *_QUIET, "-C", str(place), *words]


def _repository(folder: Path) -> tuple[Path, str]:
    """Where git is asked, and what tells the repository from others."""
    place = folder if folder.is_dir() else folder.parent
    asked = _command(place, "rev-parse", "--path-format=absolute", "--git-common-dir")
    try:
        done = subprocess.run(asked, capture_output=True, env=_environment(), check=False)
    except FileNotFoundError:
        raise ScanProblem("git is not installed, or not on $PATH.", "Install it, or scan without --git.") from None
    if done.returncode:
        raise ScanProblem(f"{folder} belongs to no git repository that can be read.", _last_line(done.stderr))
    return place, done.stdout.decode("utf-8", "surrogateescape").strip()


def _last_line(stderr: bytes) -> str:
    lines = stderr.decode("utf-8", "replace").strip().splitlines()
    return f"git says: {lines[-1]}" if lines else ""


@contextmanager
def _objects(place: Path) -> Iterator[BinaryIO]:
    """``git cat-file``'s stream of every object that is reachable, each with a path that it had."""
    listing = _command(place, "rev-list", "--objects", *_REVISIONS)
    reading = _command(place, "cat-file", "--buffer", "--batch=%(objectname) %(objecttype) %(objectsize) %(rest)")
    with (
        TemporaryFile() as said,
        subprocess.Popen(listing, stdout=subprocess.PIPE, stderr=said, env=_environment()) as lister,
        subprocess.Popen(
            reading, stdin=lister.stdout, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=_environment()
        ) as reader,
    ):
        assert lister.stdout is not None  # noqa: S101  asked for above
        assert reader.stdout is not None  # noqa: S101
        lister.stdout.close()  # the reader's alone, so that each notices when the other ends
        try:
            yield reader.stdout  # type: ignore[misc]
        except BaseException:
            reader.kill()
            lister.kill()
            raise
        if lister.wait() or reader.wait():
            said.seek(0)
            raise ScanProblem(f"git cannot read the history of {place}.", _last_line(said.read()))


def _each(source: BinaryIO, scan: Scan) -> Iterator[tuple[_Object, Readable]]:
    """Every object with its content, of which the rest is passed over."""
    while header := source.readline(_HEADER_MAX):
        words = header.rstrip(b"\n").split(b" ", 3)
        if len(words) < 3 or not words[2].isdigit():
            scan.unread.append(Skipped(f"object {words[0].decode('ascii', 'replace')}", "It is not in the repository."))
            continue
        name, kind, size = words[0].decode("ascii"), words[1].decode("ascii"), int(words[2])
        path = words[3].decode("utf-8", "surrogateescape") if len(words) > 3 else ""
        content = _Content(source, size)
        yield _Object(name, kind, size, path), content
        while content.read(CHUNK):
            pass
        source.read(1)  # the newline after it


class _Content:
    """The content of one object in the stream of many."""

    def __init__(self, source: BinaryIO, size: int) -> None:
        self._source, self._left = source, size

    def read(self, size: int, /) -> bytes:
        """As a file's."""
        data = self._source.read(min(size, self._left))
        self._left -= len(data)
        return data


def _origins(place: Path, blobs: set[str]) -> dict[str, tuple[str, str]]:
    """The commit that brought each blob first, and the path that it had there."""
    log = _command(
        place, "log", *_REVISIONS, "-m", "--raw", "--no-abbrev", "--root", "--no-renames", "--no-ext-diff",
        "--no-textconv", "--no-show-signature", "--format=%H", "--date-order",
    )  # fmt: skip
    origins: dict[str, tuple[str, str]] = {}
    commit = ""
    with subprocess.Popen(log, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=_environment()) as running:
        assert running.stdout is not None  # noqa: S101  asked for above
        for line in running.stdout:
            text = line.decode("utf-8", "surrogateescape").rstrip("\n")
            if text.startswith(":"):
                about, _, path = text.partition("\t")
                blob = about.split(" ")[3]
                if blob in blobs:
                    origins[blob] = (commit, path)  # the newest commits come first, so that the oldest stays
            elif text:
                commit = text
    return origins
