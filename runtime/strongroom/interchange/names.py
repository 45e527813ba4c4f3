"""Names of other systems as names of documents."""

from __future__ import annotations

import re
import unicodedata

_OTHERS = re.compile(r"[^a-z0-9._-]+")
_LENGTH_MAX = 128


def valid_name(text: str, prefix: str = "") -> str | None:
    """A name for a document: in small letters, accents taken off, ``-`` for what a name cannot have; None where
    nothing is left.

    :param prefix: what to put before it, such as ``legacy-``.
    """
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode() if text.isascii() is False else text
    name = _OTHERS.sub("-", plain.lower()).strip("._-")
    if not name:
        return None
    return _OTHERS.sub("-", (prefix.lower() + name))[:_LENGTH_MAX].strip("._-")
