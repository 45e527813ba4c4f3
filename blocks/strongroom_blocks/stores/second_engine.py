"""What a second engine for many small objects needs, which does what it can and leaves the rest to a store's SDK."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from threading import Lock
from typing import Any, Generic, TypeVar
from weakref import WeakKeyDictionary

E = TypeVar("E")

_FAILURES = 3
_UNSAYABLE = re.compile(r"[\x00-\x1f\x7f\\]|^/|/$|//|(^|/)\.\.?(/|$)")


def obstore_is_installed() -> bool:
    """Whether obstore is there, the engine that is used."""
    return find_spec("obstore") is not None


def sayable(key: str) -> bool:
    """Whether obstore means the same by a key; some it refuses, or takes for others."""
    return bool(key) and _UNSAYABLE.search(key) is None


@dataclass(slots=True)
class Way:
    """Up or down: given up for good if it fails from the beginning, as it does where it does not fit the place."""

    failures: int = 0
    proved: bool = False

    @property
    def open(self) -> bool:
        return self.proved or self.failures < _FAILURES

    def went(self, well: bool) -> None:
        """Note how an attempt went."""
        self.proved = self.proved or well
        self.failures += not well


class Engines(Generic[E]):
    """One engine for each client of an SDK and each bucket, as long as the client is there.

    A forked process has none, as their threads are not in it.
    """

    def __init__(self) -> None:
        self._known: WeakKeyDictionary[Any, dict[str, E | None]] = WeakKeyDictionary()
        self._process: int | None = None
        self._lock = Lock()

    def get(self, client: Any, bucket: str, make: Callable[[], E | None]) -> E | None:
        """The engine; the first time, what ``make`` returns, which is None where there can be none."""
        if self._process not in (None, os.getpid()):
            return None
        with self._lock:
            self._process = os.getpid()
            known = self._known.setdefault(client, {})
            if bucket not in known:
                known[bucket] = make()
            return known[bucket]
