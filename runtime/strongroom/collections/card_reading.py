"""A card read by itself: without the package that it stands in, which may take its time to import, or be broken."""

from __future__ import annotations

import sys
from importlib import util
from importlib.machinery import PathFinder
from types import ModuleType
from typing import TYPE_CHECKING

from strongroom.collections.card import CollectionCard

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint


def read_card(point: EntryPoint) -> CollectionCard:
    """The card that an entry point names.

    :raises TypeError: what it names is no card.
    :raises ImportError: there is no such module; or any error that the module has.
    """
    module = sys.modules.get(point.module) or _alone(point.module)
    card = point.load() if module is None else getattr(module, point.attr)
    if not isinstance(card, CollectionCard):
        raise TypeError(f"{point.value} is a {type(card).__name__}, and no CollectionCard")
    return card


def _alone(name: str) -> ModuleType | None:
    """A module of a package, executed without the package; None where that cannot be: it is imported as usual then."""
    package, _, _ = name.rpartition(".")
    if not package or "." in package:
        return None
    found = util.find_spec(package)
    if found is None or found.submodule_search_locations is None:
        return None
    spec = PathFinder.find_spec(name, list(found.submodule_search_locations))
    if spec is None or spec.loader is None:
        return None
    module = util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
