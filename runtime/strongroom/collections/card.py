"""CollectionCard: what a collection says of itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectionCard:
    """What a collection is for, and where its parts are.

    The entry point ``acme = "strongroom_acme.card:CARD"`` of the group ``strongroom.collections`` leads to it. Its
    module is executed for everybody who lists collections, without the package around it, so it imports nothing else.
    Block types, key providers, secret sources and importers are not repeated here: their own entry points name them.

    - ``title``: the name of what it connects to, as people write it.
    - ``purpose``: one sentence, what it is for.
    - ``task_modules``: the modules in which its tasks stand; imported when somebody asks for the tasks.
    - ``extra``: the extra of its distribution that installs what it needs, where that is not installed anyway.
    - ``block_extras``: of block types, by slug, that need another extra, or one where the collection needs none.
    - ``packages``: the top-level packages that its parts stand in; by default the card's own.
    - ``built_in_keys``: schemes of key providers that no entry point declares.
    - ``docs``: where to read on: a URL, or a page of Strongroom's own documentation.
    """

    title: str
    purpose: str
    task_modules: tuple[str, ...] = ()
    extra: str | None = None
    block_extras: Mapping[str, str] = field(default_factory=dict)
    packages: tuple[str, ...] = ()
    built_in_keys: tuple[str, ...] = ()
    docs: str = ""
