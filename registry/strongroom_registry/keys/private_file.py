"""Reading a file that holds a secret: only one that nobody else can read, write or redirect."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from strongroom_registry.errors import KeyExposed, KeyMalformed, KeyUnavailable


def read_private(path: Path, limit: int) -> bytes:
    """The content of ``path``, cut off one byte after ``limit``.

    :raises KeyUnavailable: it is not there or cannot be read.
    :raises KeyExposed: it is a symbolic link, belongs to another user, or its mode lets others in.
    :raises KeyMalformed: it is no ordinary file.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise _not_opened(path, error) from None
    try:
        _check(path, os.fstat(descriptor))
        return os.read(descriptor, limit + 1)
    except OSError as error:
        raise KeyUnavailable(f"{path} cannot be read: {error.strerror}.", "Check the disk it lies on.") from None
    finally:
        os.close(descriptor)


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Within the block, nobody else who asks for this has the folder.

    :raises KeyUnavailable: somebody has it.
    """
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise KeyUnavailable(f"{folder} cannot be opened: {error.strerror}.", "Check who owns it.") from None
    try:
        _lock(descriptor, folder)
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int, folder: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise KeyUnavailable(
            f"Another process renews a key in {folder} just now.", "Try again when it is finished."
        ) from None
    except OSError as error:
        raise KeyUnavailable(f"{folder} cannot be locked: {error.strerror}.", "Use a local disk.") from None


def _check(path: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise KeyMalformed(f"{path} is no ordinary file.", "Name the file that holds the key.")
    if status.st_uid not in (os.geteuid(), 0):
        raise KeyExposed(
            f"{path} belongs to user {status.st_uid}, and this process runs as user {os.geteuid()}.",
            "Give it to the user who runs Strongroom: chown.",
        )
    if status.st_mode & 0o077:
        raise KeyExposed(
            f"{path} has the mode {stat.S_IMODE(status.st_mode):04o}: others than its owner may use it.",
            f"Change it with: chmod 600 {path}",
        )


def _not_opened(path: Path, error: OSError) -> KeyUnavailable | KeyExposed:
    if error.errno == errno.ENOENT:
        return KeyUnavailable(f"There is no key at {path}.", "Restore its copy, or set STRONGROOM_KEY to its place.")
    if error.errno == errno.ELOOP:
        return KeyExposed(f"{path} is a symbolic link, which is not followed.", "Name the file itself.")
    return KeyUnavailable(f"{path} cannot be opened: {error.strerror}.", "Check who owns it and its folder.")
