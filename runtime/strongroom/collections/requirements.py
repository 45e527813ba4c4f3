"""Whether what an extra of a distribution installs is there: read from metadata, so that nothing is imported."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from packaging.requirements import Requirement


@cache
def missing(distribution: str, extra: str | None) -> tuple[str, ...]:
    """The requirements of an installed distribution, with an extra of it or without, that are not met.

    :param distribution: its name; one that is not installed has no requirements.
    """
    from importlib import metadata

    from packaging.requirements import InvalidRequirement, Requirement

    try:
        texts = metadata.requires(distribution) or []
    except metadata.PackageNotFoundError:
        return ()
    found = []
    for text in texts:
        try:
            wanted = Requirement(text)
        except InvalidRequirement:
            continue  # written by tools that are older than the rules; its installer understood it
        if (wanted.marker is None or wanted.marker.evaluate({"extra": extra or ""})) and not _is_met(wanted):
            found.append(f"{wanted.name}{wanted.specifier}")
    return tuple(found)


def _is_met(wanted: Requirement) -> bool:
    from importlib import metadata

    try:
        return wanted.specifier.contains(metadata.version(wanted.name), prereleases=True)
    except metadata.PackageNotFoundError:
        return False
