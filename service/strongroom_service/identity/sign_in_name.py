"""The name that somebody signs in with, as it is compared and counted."""

from __future__ import annotations

import unicodedata


def canonical_name(typed: str) -> str:
    """One text for all ways to write a name: without case, without the space and the invisible characters that people
    and attackers put in. It is the name of a user only if it is one that the directory can have."""
    before, name = None, typed
    while name != before:  # what is left when something is taken out may be written in another way again
        before, name = name, _plainer(name)
    return name


def _plainer(name: str) -> str:
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    return "".join(c for c in folded if not c.isspace() and unicodedata.category(c) not in ("Cc", "Cf"))
