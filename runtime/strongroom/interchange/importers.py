"""The importers that installed packages register: entry points of the group ``strongroom.importers``."""

from __future__ import annotations

from importlib.metadata import entry_points

from strongroom.errors import UnknownImporter
from strongroom.interchange.found import Importer

GROUP = "strongroom.importers"


def importer(kind: str) -> Importer:
    """The importer that a package registers as ``kind``, imported.

    :raises UnknownImporter: there is none.
    """
    for point in entry_points(group=GROUP, name=kind):
        found: Importer = point.load()
        return found
    known = ", ".join(registered()) or "none"
    raise UnknownImporter(
        f"No importer is known as {kind!r:.80}.", f"Installed are {known}; install the package that has it."
    )


def registered() -> list[str]:
    """The kinds that packages register, sorted. Imports none of them."""
    return sorted({point.name for point in entry_points(group=GROUP)})
