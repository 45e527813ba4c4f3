"""Collections: the blocks, tasks, key providers, secret sources and importers that packages bring along.

A package declares its card as an entry point of the group ``strongroom.collections``, ``name = "module:CARD"``; see
:class:`CollectionCard`. ``strongroom collection new NAME`` writes such a package.
"""

from strongroom.collections.card import CollectionCard as CollectionCard
from strongroom.collections.installed import Collection as Collection
from strongroom.collections.installed import collection as collection
from strongroom.collections.installed import collections as collections
