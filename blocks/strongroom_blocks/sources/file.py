"""``file:/run/secrets/x``: a file that somebody else puts there, such as an orchestrator's secret mount."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import PurePosixPath

from strongroom_blocks.errors import InvalidSecretReference, SecretAbsent, SecretDenied, SourceUnreachable
from strongroom_blocks.sources.source import Answer

LARGEST = 1024 * 1024


class Files:
    """Files as a source of secrets, each of at most 1 MiB; one trailing newline does not count.

    Links are followed, since Kubernetes mounts its secrets as links; what they lead to has to be a regular file. Who
    may read it is up to who put it there. Files are read anew after ten seconds, as such mounts change under way.
    """

    ttl = 10.0

    def fetch(self, references: Sequence[str], *, timeout: float) -> Mapping[str, Answer]:
        """The contents: text, or bytes where a file is no UTF-8."""
        return {path: _content(path) for path in references}

    def check(self, reference: str) -> None:
        """Whether it is an absolute path, or one that begins with ``~/``."""
        if not reference.startswith(("/", "~/")) or ".." in PurePosixPath(reference).parts:
            raise InvalidSecretReference(
                f'"file:{reference}" is no absolute path without "..".', 'Write it as "file:/run/secrets/crm-token".'
            )


def _content(path: str) -> Answer:
    try:
        # A pipe or device, which would have us wait, is opened without waiting and then refused for what it is.
        descriptor = os.open(os.path.expanduser(path), os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    except OSError as error:
        return _refused(path, error)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return SecretAbsent(f'The secret "file:{path}" is absent: this is no regular file.', "Name a file.")
        with suppress(OSError):
            os.set_blocking(descriptor, True)
        with os.fdopen(os.dup(descriptor), "rb") as file:
            content = file.read(LARGEST + 1)
    except OSError as error:
        return _refused(path, error)
    finally:
        os.close(descriptor)
    if len(content) > LARGEST:
        return SecretDenied(
            f'The secret "file:{path}" is refused: the file has more than 1 MiB.', "Name a smaller one."
        )
    content = content.removesuffix(b"\n")
    try:
        return content.decode()
    except UnicodeDecodeError:
        return content


def _refused(path: str, error: OSError) -> Answer:
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return SecretAbsent(
            f'The secret "file:{path}" is absent: there is no such file.', "Mount it, or correct the path."
        )
    if isinstance(error, PermissionError):
        return SecretDenied(
            f'The secret "file:{path}" is denied: this process may not read the file.', "Give its user the permission."
        )
    return SourceUnreachable(f'The secret "file:{path}" cannot be read: {error.strerror}.', "See to the file system.")
