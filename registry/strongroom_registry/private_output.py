"""Writing a file that is nobody else's business: whole or not at all, and never by chance over another."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

_BUFFER = 1024 * 1024


@contextmanager
def new_private_file(path: Path, *, replace: bool = False, mode: int = 0o600) -> Iterator[BinaryIO]:
    """A file to write to (mode 0600) that stands at ``path`` once the block has ended well and its bytes are on disk.

    :param replace: take the place of a file, or of a link, that stands there.
    :param mode: the mode that the file has from the moment it stands there.
    :raises FileExistsError: something stands there by then, and is left as it is.
    :raises OSError: it cannot be written; nothing is left behind.
    """
    partial = path.parent / f".strongroom-{secrets.token_hex(8)}.partial"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        descriptor = os.open(partial, flags, 0o600)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None
    try:
        with open(descriptor, "wb", buffering=_BUFFER) as file:
            yield file
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        if replace:
            os.replace(partial, path)
        else:
            _move(partial, path)
    finally:
        partial.unlink(missing_ok=True)
    sync_folder(path.parent)


def make_private_folder(folder: Path) -> None:
    """Make a folder and those above it that are missing, each with mode 0700."""
    for missing in reversed([path for path in (folder, *folder.parents) if not path.exists()]):
        missing.mkdir(mode=0o700, exist_ok=True)


def sync_folder(folder: Path) -> None:
    """Have the disk keep which files a folder has."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _move(partial: Path, path: Path) -> None:
    """To where nothing is: by a hard link, which fails where something stands, if the file system knows them."""
    try:
        os.link(partial, path)
    except FileExistsError:
        raise
    except OSError:
        if os.path.lexists(path):
            raise FileExistsError(path) from None
        os.rename(partial, path)
