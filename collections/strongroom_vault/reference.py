"""The text after ``vault:``, such as ``secret/crm#token``: which field of which secret is meant."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote

from strongroom.sources import InvalidSecretReference

LONGEST = 1024
_WRITE = "Write vault:MOUNT/PATH#FIELD, with @VERSION behind the path for one version: vault:secret/crm@3#token"
_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_VERSION = re.compile(r"[1-9][0-9]{0,8}")


@dataclass(frozen=True, slots=True)
class VaultReference:
    """``MOUNT/PATH[@VERSION][#FIELD]``. An ``@``, ``#`` or ``%`` of a name itself is written ``%40``, ``%23``, ``%25``.

    :param path: with the mount, at least two parts.
    :param version: of the secret; ``None`` for the newest.
    :param field: of the secret; ``None`` for the whole, as JSON.
    """

    path: str
    version: int | None = None
    field: str | None = None

    @classmethod
    def parse(cls, text: str) -> VaultReference:
        """:raises InvalidSecretReference: it is none. The message does not repeat it: it may be a secret by mistake."""
        if not 0 < len(text) <= LONGEST or not text.isprintable() or _ESCAPE.search(text):
            raise InvalidSecretReference("A reference that starts with 'vault:' is malformed.", _WRITE)
        place, hash_, field = text.partition("#")
        path, at, version = place.partition("@")
        if hash_ and (not field or "#" in field):
            raise InvalidSecretReference("A reference that starts with 'vault:' names no field behind its '#'.", _WRITE)
        if at and not _VERSION.fullmatch(version):
            raise InvalidSecretReference(
                "A reference that starts with 'vault:' has no version number behind its '@'.",
                "An @ that belongs to the path is written %40. " + _WRITE,
            )
        parts = [_unquoted(part) for part in path.split("/")]
        if len(parts) < 2 or any(part in {"", ".", ".."} or "/" in part for part in parts):
            raise InvalidSecretReference("A reference that starts with 'vault:' names no path below a mount.", _WRITE)
        return cls("/".join(parts), int(version) if at else None, _unquoted(field) if hash_ else None)

    def __str__(self) -> str:
        """As it is parsed."""
        path = "/".join(_quoted(part) for part in self.path.split("/"))
        version = f"@{self.version}" if self.version is not None else ""
        return path + version + (f"#{_quoted(self.field)}" if self.field is not None else "")


def _unquoted(text: str) -> str:
    try:
        plain = unquote(text, errors="strict")
    except UnicodeDecodeError:
        plain = ""
    if text and (not plain or not plain.isprintable()):
        raise InvalidSecretReference("A reference that starts with 'vault:' holds escapes of no text.", _WRITE)
    return plain


def _quoted(text: str) -> str:
    return text.replace("%", "%25").replace("@", "%40").replace("#", "%23")
