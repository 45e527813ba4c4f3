"""Files on this side of a transfer: written whole or not at all, listed by their keys, never outside their folder."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from strongroom_blocks.errors import InvalidKey

PARTIAL = ".strongroom-partial-"
"""What the names of files begin with that are not whole yet; no listing and no upload takes them."""


@contextmanager
def complete_file(target: Path) -> Iterator[BinaryIO]:
    """A new file beside ``target``, open for writing and reading, that takes its place when the block ends well.

    Missing folders are made. When the block does not end well, the new file is gone and ``target`` is as it was.
    """
    partial = target.parent / f"{PARTIAL}{secrets.token_hex(8)}"
    try:
        with _opened(partial) as file:
            yield file
        partial.replace(target)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def _opened(partial: Path) -> BinaryIO:
    """A folder may be pruned by another thread between its making and its use, so both are tried again."""
    for _ in range(16):
        try:
            return partial.open("x+b")
        except FileNotFoundError:
            partial.parent.mkdir(parents=True, exist_ok=True)
    return partial.open("x+b")


def files_below(folder: Path) -> Iterator[Path]:
    """Every regular file below a folder. Links to files are followed, links to folders are not.

    :raises NotADirectoryError: it is no folder.
    """
    return (Path(entry.path) for _, entry in entries_below(folder))


def entries_below(folder: Path) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """As :func:`files_below`, with the key of each and what is known of it already, for folders of many files.

    :raises InvalidKey: a file's name is not Unicode, which keys are.
    """
    if not folder.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, "Not a folder", str(folder))
    return _entries(str(folder), "")


def _entries(folder: str, prefix: str) -> Iterator[tuple[str, os.DirEntry[str]]]:
    with os.scandir(folder) as found:
        entries = sorted(found, key=lambda entry: entry.name)
    for entry in entries:
        key = f"{prefix}{entry.name}"
        if entry.is_dir(follow_symlinks=False):
            yield from _entries(entry.path, f"{key}/")
        elif not entry.name.startswith(PARTIAL) and entry.is_file():
            yield _unicode(key), entry


def key_of(file: Path, folder: Path) -> str:
    """The path of a file below a folder as a key.

    :raises InvalidKey: its name is not Unicode, which keys are.
    """
    return _unicode(file.relative_to(folder).as_posix())


def _unicode(key: str) -> str:
    try:
        key.encode()
    except UnicodeEncodeError:
        raise InvalidKey(f"The name of the file {key!r} is not in UTF-8.", "Rename it; keys are Unicode.") from None
    return key


def local_path(key: str) -> Path:
    """The key as a path below a local folder. What other tools wrote may hold anything.

    :raises InvalidKey: it would lead out of the folder, or no folder can hold it.
    """
    parts = key.split("/")
    if any(part in {"", ".", ".."} or "\0" in part for part in parts):
        raise InvalidKey(
            f"The object key {key!r} is no path that a folder can hold.", "Download it by itself, to a path."
        )
    return Path(*parts)
