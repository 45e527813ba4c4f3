"""Which collections are installed, and what each brings along: read from entry points, and none of it imported."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from strongroom.collections.card import CollectionCard
from strongroom.collections.card_reading import read_card

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "strongroom.collections"
_PARTS = {
    "block_types": "strongroom.blocks",
    "key_providers": "strongroom.key_providers",
    "secret_sources": "strongroom.secret_sources",
    "importers": "strongroom.importers",
}


@dataclass(frozen=True, slots=True)
class Collection:
    """An installed collection: its card, the distribution that brings it, and the names of its parts.

    ``problem`` says why the card cannot be had, where it cannot; the parts are known all the same.
    """

    name: str
    card: CollectionCard
    distribution: str | None
    version: str | None
    packages: tuple[str, ...]
    block_types: tuple[str, ...]
    key_providers: tuple[str, ...]
    secret_sources: tuple[str, ...]
    importers: tuple[str, ...]
    problem: str | None = None

    def extra_of(self, slug: str) -> str | None:
        """The extra that a block type needs, if any."""
        return self.card.block_extras.get(slug, self.card.extra)

    def missing(self, extra: str | None) -> tuple[str, ...]:
        """What is not installed, or too old, of what the distribution needs with this extra: ``("boto3>=1.35",)``."""
        from strongroom.collections.requirements import missing

        return missing(self.distribution, extra) if self.distribution else ()

    def installation(self, extra: str | None) -> str:
        """What to run to have all that it needs with this extra."""
        what = f"{self.distribution}[{extra}]" if extra else str(self.distribution)
        return f'pip install "{what}"' if extra else f"pip install {what}"


def collections() -> list[Collection]:
    """Every collection that is installed: the core first, the others by name."""
    everything = _entry_points()
    found = {point.name: point for point in everything[GROUP]}
    return [_described(found[name], everything) for name in sorted(found, key=lambda name: (name != "core", name))]


def collection(name: str) -> Collection:
    """One collection, by the name of its entry point.

    :raises UnknownCollection: none of this name is installed.
    """
    everything = _entry_points()
    for point in everything[GROUP]:
        if point.name == name:
            return _described(point, everything)
    from strongroom_blocks.catalog import lookalikes

    from strongroom.errors import UnknownCollection

    known = sorted(point.name for point in everything[GROUP])
    near = lookalikes(name, known)
    raise UnknownCollection(
        f"No collection named {name!r:.80} is installed.",
        f"Did you mean {near}?" if near else f"Installed are {', '.join(known) or 'none'}.",
    )


def collection_of(module: str) -> Collection | None:
    """The collection that a module belongs to, by its top-level package."""
    package = module.partition(".")[0]
    return next((found for found in collections() if package in found.packages), None)


def _entry_points() -> dict[str, list[EntryPoint]]:
    """Those of all groups at once: each look searches everything that is installed."""
    from importlib.metadata import entry_points

    everything: Any = entry_points()
    return {group: list(everything.select(group=group)) for group in (GROUP, *_PARTS.values())}


def _described(point: EntryPoint, everything: dict[str, list[EntryPoint]]) -> Collection:
    problem = None
    try:
        card = read_card(point)
    except Exception as error:
        card, problem = CollectionCard(title=point.name, purpose=""), f"{type(error).__name__}: {error}"
    packages = card.packages or (point.module.partition(".")[0],)
    parts = {
        part: {found.name for found in everything[group] if found.module.partition(".")[0] in packages}
        for part, group in _PARTS.items()
    }
    parts["key_providers"].update(card.built_in_keys)
    return Collection(
        name=point.name,
        card=card,
        distribution=point.dist.name if point.dist else None,
        version=point.dist.version if point.dist else None,
        packages=packages,
        problem=problem,
        **{part: tuple(sorted(names)) for part, names in parts.items()},
    )
