"""Files that a folder's upload leaves out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from strongroom import require_extra
from strongroom.stores import key_of


def not_ignored(files: Iterable[Path], root: Path, ignore_file: Path) -> Iterator[Path]:
    """The files that no pattern of ``ignore_file`` leaves out; its syntax is that of ``.gitignore``.

    :raises MissingExtra: pathspec is not installed.
    """
    pathspec = require_extra("pathspec", extra="aws")
    patterns = pathspec.GitIgnoreSpec.from_lines(ignore_file.read_text(encoding="utf-8").splitlines())
    return (file for file in files if not patterns.match_file(key_of(file, root)))
