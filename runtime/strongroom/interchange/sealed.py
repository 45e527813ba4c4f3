"""Exports as files: sealed to a passphrase or to key providers, or plain where that was asked for by name."""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from strongroom_blocks.frames import without_frames
from strongroom_registry.container import Recipient, is_sealed, open_file, recipient, recipients_of, seal_file
from strongroom_registry.errors import KeyUnavailable
from strongroom_registry.keys import KeyProvider

from strongroom.errors import UnreadableFile
from strongroom.interchange.record import CONTENT_MAX, Record, read, written
from strongroom.interchange.selection import Selection

PURPOSE = "export"

_PIECE = 1 << 20


def write_sealed(target: BinaryIO, selection: Selection, recipients: Sequence[KeyProvider]) -> None:
    """Write the versions that a selection takes, sealed so that each of the recipients can open them.

    :raises KeyProblem: a recipient cannot wrap a key now; nothing was written.
    """
    seal_file(
        target, PURPOSE, recipients, written(selection.registry.workspace, datetime.now(UTC), selection.records())
    )


def write_plain(target: BinaryIO, selection: Selection) -> None:
    """Write the versions that a selection takes, with their secrets in clear."""
    for line in written(selection.registry.workspace, datetime.now(UTC), selection.records()):
        target.write(line)


@without_frames
def read_export(path: str, keys: Sequence[str] = ()) -> list[Record]:
    """The versions in an export, sealed or plain; ``-`` is standard input.

    :param keys: URIs of keys that may open it. A passphrase needs none named: it is asked for. No key is used because
        the file names it.
    :raises UnreadableFile: it cannot be read, or is no export.
    :raises KeyProblem: no key opens it.
    :raises IntegrityError: it was changed or cut short.
    """
    with _opened(path) as source:
        if not is_sealed(source):
            return read(iter(lambda: source.read(_PIECE), b""))
        providers = [recipient(key) for key in keys] or _trusted(recipients_of(source, PURPOSE))
        source.seek(0)
        return read(open_file(source, PURPOSE, providers))


def _opened(path: str) -> BinaryIO:
    if path == "-":
        return io.BytesIO(sys.stdin.buffer.read(CONTENT_MAX))
    try:
        return Path(path).expanduser().open("rb")
    except (OSError, ValueError) as error:
        told = getattr(error, "strerror", None) or "it is no path"
    raise UnreadableFile(f"{path:.200} cannot be read: {told}.", "Check the path.")


def _trusted(recipients: Sequence[Recipient]) -> list[KeyProvider]:
    if any(found.uri.startswith("passphrase:") for found in recipients):
        return [recipient("passphrase:")]
    told = " or ".join(f"{found.uri:.200}" for found in recipients)
    raise KeyUnavailable(
        f"The file says that it is sealed to {told}; a key is not used because a file names it.",
        f"If you trust that one, name it: --key {recipients[0].uri:.200}",
    )
