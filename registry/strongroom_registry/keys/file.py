"""``file:/path``: a key in a file of its own, outside of the folder that holds the data."""

from __future__ import annotations

import os
import re
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from uuid import UUID

from strongroom_registry.configuration import configuration_folder
from strongroom_registry.errors import InvalidKeyUri, KeyUnavailable
from strongroom_registry.keys.local import LocalKey, RawKeyProvider
from strongroom_registry.keys.material import TEXT_LENGTH, key_from_text, new_key_text
from strongroom_registry.keys.private_file import alone_in, read_private
from strongroom_registry.private_output import make_private_folder, new_private_file, sync_folder

_SURROGATE = re.compile("[\ud800-\udfff]")  # what Python makes of a name that is no UTF-8, and no store can keep


class FileKey(RawKeyProvider):
    """A key in a file that only its owner can use; see :func:`generate_key_file` for one."""

    def __init__(self, path: Path) -> None:
        self.path = Path(os.path.abspath(path.expanduser()))
        super().__init__(f"file:{self.path}")

    @classmethod
    def from_uri(cls, uri: str) -> FileKey:
        """``file:/path``, ``file:///path``, ``file:~/path`` or ``file:relative/path``; nothing is unquoted."""
        path = path_of(uri.removeprefix("file:"))
        if path is None:
            raise InvalidKeyUri("A key URI that starts with 'file:' names no file.", "Write file:/path/to/the.key")
        return cls(path)

    def generate(self) -> str | None:
        if os.path.lexists(self.path):
            return None
        generate_key_file(self.path)
        return str(self.path)

    def alone(self) -> AbstractContextManager[None]:
        return alone_in(self.path.parent)

    def renewed(self) -> FileKey:
        waiting = self.path.with_name(f"{self.path.name}.new")
        if not os.path.lexists(waiting):
            generate_key_file(waiting)
        next_key = FileKey(waiting)
        next_key.uri = self.uri  # where it will lie
        return next_key

    def read_again(self) -> None:
        self._read_key = None

    def replace(self) -> str:
        former = self.path.with_name(f"{self.path.name}.former-{self.fingerprint[:8]}")
        try:
            with suppress(FileExistsError):
                os.link(self.path, former, follow_symlinks=False)
            os.replace(self.path.with_name(f"{self.path.name}.new"), self.path)
            sync_folder(self.path.parent)
        except OSError as error:
            raise KeyUnavailable(
                f"The new key cannot be put at {self.path}: {error.strerror}.",
                "The former one lies there and opens everything; repeat the rotation.",
            ) from None
        self._read_key = None
        return str(former)

    def _read(self) -> LocalKey:
        return LocalKey(key_from_text(read_private(self.path, TEXT_LENGTH + 1), str(self.path)))


def path_of(text: str) -> Path | None:
    """The path in what stands after ``file:`` or ``file=``, or None where it names none."""
    if text.startswith("//") and not text.startswith("///"):
        return None  # a host
    text = text.removeprefix("//")
    return Path(text) if text and "\0" not in text and not _SURROGATE.search(text) else None


def default_key_path(store_id: UUID) -> Path:
    """Where the key of a registry lies unless told otherwise: ``~/.config/strongroom/keys/<store-id>.key``.

    ``$XDG_CONFIG_HOME`` stands for ``~/.config`` where it is set to an absolute path.
    """
    return configuration_folder() / "keys" / f"{store_id}.key"


def generate_key_file(path: Path) -> FileKey:
    """Write a new random key to ``path`` (mode 0600, its folder made with 0700) and return its provider.

    :raises KeyUnavailable: something is there already, which is never overwritten, or it cannot be written.
    """
    key = FileKey(path)
    try:
        make_private_folder(key.path.parent)
        with new_private_file(key.path) as file:
            file.write(new_key_text().encode() + b"\n")
    except FileExistsError:
        raise KeyUnavailable(
            f"{key.path} exists, and a key is never overwritten.", "Use it with --key, or name another place."
        ) from None
    except OSError as error:
        raise KeyUnavailable(
            f"No key can be written to {key.path}: {error.strerror}.", "Name another place in STRONGROOM_KEY."
        ) from None
    return key
