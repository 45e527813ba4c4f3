"""Listings that were verified once, and hold as long as nothing in their workspace changes."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from typing import NamedTuple
from weakref import ReferenceType, ref

from strongroom_registry import Registry
from strongroom_registry.document import Head
from strongroom_registry.remote.wire import HeadTold

from strongroom_service.policies.rights import Rights

_LISTINGS, _HEADS = 64, 20_000
"""So many are kept, with at most so many documents between them."""

_PAGES, _PAGES_BYTES = 512, 32 * 1024 * 1024
"""So many pages are kept as they were answered, with at most so many bytes between them."""

_Key = tuple[str, str, str | None, bool]


class AskedPage(NamedTuple):
    """Which page of which listing, and from where it is asked for, which rules may depend on."""

    workspace: str
    glob: str
    type: str | None
    deleted: bool
    after: str
    limit: int
    address: str


class _Page(NamedTuple):
    revision: bytes
    rights: ReferenceType[Rights] | None
    content: bytes

    def is_for(self, rights: Rights | None) -> bool:
        return (None if self.rights is None else self.rights()) is rights


class Listings:
    """What :meth:`~strongroom_registry.Registry.list` said, by what it was asked. A listing reads and verifies every
    document; whether it still holds is one look at the workspace's root. Safe to use from several threads."""

    def __init__(self) -> None:
        self._kept: OrderedDict[_Key, tuple[bytes, tuple[Head, ...]]] = OrderedDict()
        self._told: dict[tuple[int, bool], tuple[Head, bytes]] = {}
        self._pages: OrderedDict[tuple[AskedPage, int], _Page] = OrderedDict()
        self._pages_bytes = 0
        self._lock = Lock()

    def of(
        self, registry: Registry, glob: str = "*", *, type: str | None = None, deleted: bool = False
    ) -> tuple[Head, ...]:
        """As :meth:`~strongroom_registry.Registry.list`, and raises what that does."""
        key = (registry.workspace, glob, type, deleted)
        revision = registry.revision()
        with self._lock:
            known = self._kept.get(key)
            if known is not None and known[0] == revision:
                self._kept.move_to_end(key)
                return known[1]
        found = tuple(registry.list(glob, type=type, deleted=deleted))  # newer than the revision, if anything
        with self._lock:
            self._kept.pop(key, None)
            if len(found) <= _HEADS:
                self._kept[key] = revision, found
                self._shrink()
        return found

    def told(self, head: Head, *, outline: bool = False) -> bytes:
        """What is told of a document in a listing, as JSON; made once for a head that was kept.

        :param outline: only what whoever may list it and not view it is to know.
        """
        known = self._told.get((id(head), outline))
        if known is not None and known[0] is head:
            return known[1]
        shape = HeadTold.outline(head) if outline else HeadTold.of(head)
        text = shape.model_dump_json(by_alias=True).encode()
        if len(self._told) >= _HEADS:
            self._told = {}
        self._told[id(head), outline] = head, text
        return text

    def page(self, asked: AskedPage, revision: bytes, rights: Rights | None) -> bytes | None:
        """The page as it was answered to somebody with the same rights, if nothing has changed since.

        :param rights: the very object that :meth:`keep_page` was given; None for root.
        """
        with self._lock:
            page = self._pages.get((asked, id(rights)))
            if page is None or page.revision != revision or not page.is_for(rights):
                return None
            self._pages.move_to_end((asked, id(rights)))
            return page.content

    def keep_page(self, asked: AskedPage, revision: bytes, rights: Rights | None, content: bytes) -> None:
        """Keep a page.

        :param revision: what the workspace had before the page was read.
        """
        with self._lock:
            former = self._pages.pop((asked, id(rights)), None)
            self._pages_bytes += len(content) - (len(former.content) if former else 0)
            self._pages[asked, id(rights)] = _Page(revision, None if rights is None else ref(rights), content)
            while len(self._pages) > _PAGES or self._pages_bytes > _PAGES_BYTES:
                self._pages_bytes -= len(self._pages.popitem(last=False)[1].content)

    def _shrink(self) -> None:
        while len(self._kept) > _LISTINGS or sum(len(heads) for _, heads in self._kept.values()) > _HEADS:
            self._kept.popitem(last=False)
