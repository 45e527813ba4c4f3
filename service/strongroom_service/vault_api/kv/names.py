"""Which document a path of a KV mount is kept in. No two paths share one.

A path of plain words is readable in the name of its document (``team/db`` is ``kv.team.db``); any other path is found
by its hash (``kx.<sha256>``), and stands in the public projection. The prefixes keep the two apart, and a plain path
has no dot, so each name comes of one path alone.
"""

from __future__ import annotations

import hashlib
import re

PATH_MAX = 4096
"""The longest path, in bytes of UTF-8."""

_PLAIN = re.compile(r"(?=.{1,120}\Z)[a-z0-9_-]+(?:/[a-z0-9_-]+)*(?<=[a-z0-9])")
_DATA_PLAIN, _DATA_HASHED = "kv.", "kx."
_META_PLAIN, _META_HASHED = "md.", "mx."


def is_plain(path: str) -> bool:
    """Whether the path can be read in the name of its document."""
    return _PLAIN.fullmatch(path) is not None


def data_name(path: str) -> str:
    """The document that holds the versions of a secret."""
    return _name(path, _DATA_PLAIN, _DATA_HASHED)


def metadata_name(path: str) -> str:
    """The document that holds what was set for a secret, and which of its versions were deleted."""
    return _name(path, _META_PLAIN, _META_HASHED)


def globs_beneath(prefix: str) -> tuple[str, ...]:
    """Globs that every document of a path beneath this one fits, and few others."""
    hashed = (f"{_DATA_HASHED}*", f"{_META_HASHED}*")
    if not prefix:
        return (f"{_DATA_PLAIN}*", f"{_META_PLAIN}*", *hashed)
    if not is_plain(prefix + "/a"):
        return hashed
    dotted = prefix.replace("/", ".")
    return (f"{_DATA_PLAIN}{dotted}.*", f"{_META_PLAIN}{dotted}.*", *hashed)


def is_metadata(name: str) -> bool:
    """Whether a document holds what was set for a secret, rather than its versions."""
    return name.startswith((_META_PLAIN, _META_HASHED))


def plain_path(name: str) -> str | None:
    """The path that can be read in the name of a document; None where it stands in its projection."""
    if name.startswith((_DATA_PLAIN, _META_PLAIN)):
        return name[len(_DATA_PLAIN) :].replace(".", "/")
    return None


def _name(path: str, plain: str, hashed: str) -> str:
    if is_plain(path):
        return plain + path.replace("/", ".")
    return hashed + hashlib.sha256(path.encode()).hexdigest()
