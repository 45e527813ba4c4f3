"""Which objects of a listing are wanted: patterns on keys, where to begin, how many."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import islice

from strongroom_blocks.capabilities import StoredObject
from strongroom_blocks.object_keys import folder_prefix

_MAGIC = re.compile(r"[*?\[]")


def literal_prefix(pattern: str | None) -> str:
    """What every key begins with that fits the pattern: a store asks for those alone."""
    return _MAGIC.split(pattern, maxsplit=1)[0].lstrip("/") if pattern else ""


def chosen(
    entries: Iterable[StoredObject],
    folder: str = "",
    *,
    pattern: str | None = None,
    after: str | None = None,
    limit: int | None = None,
) -> Iterator[StoredObject]:
    """The entries of a listing in key order that are wanted; see ``ObjectStore.iter_objects`` for the parameters."""
    prefix, fits = folder_prefix(folder), fitting(pattern) if pattern else None
    wanted = (
        entry
        for entry in entries
        if (not after or entry.key > after) and (fits is None or fits.fullmatch(entry.key.removeprefix(prefix)))
    )
    return islice(wanted, limit)


@lru_cache(maxsize=64)
def fitting(pattern: str) -> re.Pattern[str]:
    """The pattern as an expression for whole keys: ``*``, ``?`` and ``[a-z]`` stay in a folder, ``**`` does not."""
    parts, place, text = [], 0, pattern.lstrip("/")
    while place < len(text):
        part, place = _part(text, place)
        parts.append(part)
    return re.compile("".join(parts), re.DOTALL)


def _part(text: str, place: int) -> tuple[str, int]:
    if text.startswith("**/", place) and (place == 0 or text[place - 1] == "/"):
        return "(?:[^/]+/)*", place + 3
    if text.startswith("**", place):
        return ".*", place + 2
    if text[place] == "*":
        return "[^/]*", place + 1
    if text[place] == "?":
        return "[^/]", place + 1
    end = text.find("]", place + 2) if text[place] == "[" else -1
    if end < 0:
        return re.escape(text[place]), place + 1
    inside = text[place + 1 : end].replace("\\", "\\\\").replace("[", "\\[")
    negated = inside.startswith(("!", "^"))
    return f"(?!/)[{'^' if negated else ''}{inside[negated:]}]", end + 1
