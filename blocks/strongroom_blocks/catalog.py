"""Which block types there are: classes that are loaded, modules that settings name, packages that declare some.

A package declares its types as entry points of the group ``strongroom.blocks``, ``slug = "module:Class"``. The catalog
lists them without importing anything, and imports the one module that a document asks for.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from inspect import getdoc
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

from strongroom_blocks.errors import AmbiguousBlockType, UnknownBlockType
from strongroom_blocks.identity import Identity

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

    from strongroom_blocks.block import Block

GROUP = "strongroom.blocks"
MODULES = "STRONGROOM_BLOCK_MODULES"

_declared: dict[str, WeakValueDictionary[str, type[Block]]] = {}


@dataclass(frozen=True, slots=True)
class BlockType:
    """The card of a block type. ``title``, ``icon`` and ``description`` are known better once the class is loaded.

    ``package`` is the distribution that declares the type, None for a class of the user's own.
    """

    slug: str
    title: str
    module: str
    class_name: str
    package: str | None
    loaded: bool
    icon: str | None = None
    description: str = ""

    def load(self) -> type[Block]:
        """The class, imported if need be."""
        return class_for(self.slug)


def declare(cls: type[Block]) -> None:
    """Note a class. The last definition in a module wins (a notebook's cell that is run again)."""
    _declared.setdefault(cls.__block__.slug, WeakValueDictionary())[_home(cls.__module__)] = cls
    _found.pop(cls.__block__.slug, None)


def _home(module: str) -> str:
    """The module's file where there is one, so that a script is the same as ``__main__`` and when it is imported."""
    found = sys.modules.get(module)
    file = getattr(found, "__file__", None)
    return str(file) if file else module


_found: dict[str, type[Block]] = {}


def class_for(slug: str) -> type[Block]:
    """The class of a type: loaded, else from the modules of ``STRONGROOM_BLOCK_MODULES``, else declared.

    :raises UnknownBlockType: there is none.
    :raises AmbiguousBlockType: two modules define one.
    """
    cls = _found.get(slug)
    if cls is None:
        cls = _loaded(slug) or _from_settings(slug) or _from_entry_points(slug)
        if cls is None:
            raise _unknown(slug)
        _found[slug] = cls
    return cls


def _loaded(slug: str) -> type[Block] | None:
    candidates = list(_declared.get(slug, {}).values())
    if len(candidates) > 1:
        places = " and ".join(sorted(f"{cls.__module__}.{cls.__qualname__}" for cls in candidates))
        raise AmbiguousBlockType(
            f'The block type "{slug}" is defined twice: {places}.',
            'Give one of them another slug: class X(Block, slug="..."), or load through the class itself.',
        )
    return candidates[0] if candidates else None


def import_named() -> None:
    """Import the modules of ``STRONGROOM_BLOCK_MODULES``, so that their types are known.

    :raises UnknownBlockType: there is no such module.
    """
    for module in filter(None, map(str.strip, os.environ.get(MODULES, "").split(","))):
        try:
            importlib.import_module(module)
        except ModuleNotFoundError as error:
            if error.name is None or not f"{module}.".startswith(f"{error.name}."):
                raise
            raise UnknownBlockType(
                f'{MODULES} names the module "{module}", which cannot be found.', "Correct the name or PYTHONPATH."
            ) from None


def _from_settings(slug: str) -> type[Block] | None:
    import_named()
    return _loaded(slug)


@cache
def _entry_points() -> dict[str, EntryPoint]:
    from importlib.metadata import entry_points

    return {point.name: point for point in entry_points(group=GROUP)}


def _from_entry_points(slug: str) -> type[Block] | None:
    point = _entry_points().get(slug)
    if point is None:
        return None
    loaded: type[Block] = point.load()
    return loaded


def _unknown(slug: str) -> UnknownBlockType:
    near = lookalikes(slug, [*_declared, *_entry_points()])
    hint = f" Did you mean {near}?" if near else ""
    return UnknownBlockType(
        f'No class is known for the block type "{slug}".{hint}',
        f"Import the module that defines it, or name that module in {MODULES}; for a type of a collection, install the "
        "package that declares it.",
    )


def lookalikes(name: str, names: Iterable[str]) -> str:
    """Up to three names that look like ``name``, the nearest first, for an error to suggest."""
    from difflib import get_close_matches

    return ", ".join(get_close_matches(name, list(names), n=3))


def types() -> list[BlockType]:
    """Every type that is loaded or declared, by slug. Imports nothing."""
    slugs = sorted({*_entry_points(), *(slug for slug, classes in _declared.items() if classes)})
    return [find(slug) for slug in slugs]


def find(slug: str) -> BlockType:
    """The card of one type.

    :raises UnknownBlockType: neither loaded nor declared, nor in a module that settings name.
    """
    point = _entry_points().get(slug)
    package = point.dist.name if point is not None and point.dist is not None else None
    loaded = next(iter(_declared.get(slug, {}).values()), None)
    if loaded is None and point is None:
        loaded = class_for(slug)
    if loaded is not None:
        seal = loaded.__block__
        return BlockType(
            slug, seal.title, loaded.__module__, loaded.__qualname__, package, True, seal.icon, description(loaded)
        )
    assert point is not None  # noqa: S101  one of the two was found
    title = Identity.of(point.attr, slug, None, None, 1, True).title
    return BlockType(slug, title, point.module, point.attr, package, False)


def description(cls: type[Block]) -> str:
    """What a type is for: its own docstring."""
    return (getdoc(cls) or "") if cls.__doc__ else ""
