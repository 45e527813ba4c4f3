"""Texts that are handed over in a file or through standard input, up to a size."""

from __future__ import annotations

import sys
from pathlib import Path

from strongroom.cli.outcome import CommandError, Exit

MAX_INPUT_BYTES = 64 * 1024 * 1024


def read_text(path: Path) -> str:
    """The text of a file, of at most 64 MiB."""
    with path.expanduser().open("rb") as file:
        return _decoded(file.read(MAX_INPUT_BYTES + 1), str(path))


def read_stdin() -> str:
    """All of standard input, of at most 64 MiB."""
    return _decoded(sys.stdin.buffer.read(MAX_INPUT_BYTES + 1), "Standard input")


def _decoded(content: bytes, what: str) -> str:
    if len(content) > MAX_INPUT_BYTES:
        raise CommandError(f"{what} has more than 64 MiB.", "A block is for less.", Exit.USAGE)
    try:
        return content.decode()
    except UnicodeDecodeError:
        pass
    raise CommandError(f"{what} is not UTF-8.", "Convert it, or encode it in base64.", Exit.USAGE)
