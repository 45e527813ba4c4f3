"""Writing a file that is nobody else's business: whole or not at all, and never by chance over another."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def new_private_file(path: Path, *, replace: bool = False, mode: int = 0o600) -> Iterator[BinaryIO]:
    """A file to write to (mode 0600) that stands at ``path`` once the block has ended well and its bytes are on disk.

    :param replace: take the place of a file, or of a link, that stands there.
    :param mode: the mode that the file has from the moment it stands there.
    :raises FileExistsError: something stands there by then, and is left as it is.
    :raises OSError: it cannot be written; nothing is left behind.
    """
    partial = path.parent / f".{path.name[:200]}.{secrets.token_hex(8)}.partial"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        with open(os.open(partial, flags, 0o600), "wb") as file:
            yield file
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        if replace:
            os.replace(partial, path)
        else:
            os.link(partial, path)  # unlike a rename, it fails where something stands
    finally:
        partial.unlink(missing_ok=True)
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
