"""Files that a folder's upload leaves out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from strongroom_blocks.extras import require_extra
from strongroom_blocks.stores.files import key_of


def not_ignored(files: Iterable[Path], root: Path, ignore_file: Path, *, extra: str) -> Iterator[Path]:
    """The files that no pattern of ``ignore_file`` leaves out; its syntax is that of ``.gitignore``.

    :param extra: the extra of Strongroom that installs pathspec.
    :raises MissingExtra: pathspec is not installed.
    """
    pathspec = require_extra("pathspec", extra=extra)
    patterns = pathspec.GitIgnoreSpec.from_lines(ignore_file.read_text(encoding="utf-8").splitlines())
    return (file for file in files if not patterns.match_file(key_of(file, root)))
