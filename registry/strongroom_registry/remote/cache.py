"""Documents that were loaded from a server, to be used again where it says that they are still the same."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from typing import NamedTuple

from strongroom_registry.document import Document

BYTES_MAX = 64 * 1024 * 1024
"""The most that is kept of payloads, in bytes."""
DOCUMENTS_MAX = 4096
RECORDED_SECONDS = 60.0
"""How long a load that the server's audit has stands for further ones, where the server tells of its changes."""


class Kept(NamedTuple):
    """A document as a reference gave it, under the tag that the server gave to it, and when."""

    etag: str
    document: Document
    at: float


class DocumentCache:
    """The documents that were used last, by the references that they were asked for. Safe to use from several threads.

    :param clock: seconds that only grow.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = Lock()
        self._kept: OrderedDict[str, Kept] = OrderedDict()
        self._bytes = 0
        self.era = 0
        """Grows whenever something was forgotten: what was asked for before may be older than that."""

    def get(self, reference: str) -> Kept | None:
        """What is kept; it has to be checked with the server before it is used."""
        with self._lock:
            kept = self._kept.get(reference)
            if kept is not None:
                self._kept.move_to_end(reference)
            return kept

    def recorded(self, reference: str) -> Document | None:
        """A document whose load the server wrote down not long ago."""
        kept = self.get(reference)
        return kept.document if kept is not None and self._clock() - kept.at < RECORDED_SECONDS else None

    def keep(self, reference: str, etag: str, document: Document, era: int) -> None:
        """Keep what the server gave or confirmed.

        :param era: the era in which it was asked for; what belongs to an earlier one is not kept.
        """
        size = len(document.payload)
        with self._lock:
            self._drop(reference)
            if not etag or size > BYTES_MAX // 4 or era != self.era:
                return
            self._kept[reference] = Kept(etag, document, self._clock())
            self._bytes += size
            while self._bytes > BYTES_MAX or len(self._kept) > DOCUMENTS_MAX:
                self._drop(next(iter(self._kept)))

    def drop(self, reference: str) -> None:
        """Forget one."""
        with self._lock:
            self.era += 1
            self._drop(reference)

    def drop_name(self, name: str) -> None:
        """Forget all versions of a document."""
        with self._lock:
            self.era += 1
            for reference in [key for key, kept in self._kept.items() if kept.document.version.document == name]:
                self._drop(reference)

    def clear(self) -> None:
        """Forget all."""
        with self._lock:
            self.era += 1
            self._kept.clear()
            self._bytes = 0

    def _drop(self, reference: str) -> None:
        kept = self._kept.pop(reference, None)
        if kept is not None:
            self._bytes -= len(kept.document.payload)
