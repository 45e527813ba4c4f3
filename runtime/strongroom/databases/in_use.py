"""Which one of a kind this process uses: the one that a context names, else the process, else the settings."""

from __future__ import annotations

import atexit
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Generic, TypeVar

T = TypeVar("T")


class InUse(Generic[T]):
    """The one in use, opened once per process and URL.

    :param name: tells the kind from others.
    :param open_: makes one of a URL, and creates nothing before it is used.
    :param configured: the URL that the settings name now.
    :param end: called with each that was opened here when the process ends.
    """

    def __init__(
        self, name: str, open_: Callable[[str], T], configured: Callable[[], str], end: Callable[[T], None]
    ) -> None:
        self._of_context: ContextVar[T | None] = ContextVar(f"strongroom_{name}", default=None)
        self._of_process: T | None = None
        self._opened: dict[str, T] = {}
        self._lock = threading.Lock()
        self._open, self._configured, self._end = open_, configured, end

    def chosen(self) -> T | None:
        """The one that code chose, at next to no cost; None where it is the one that the settings name."""
        return self._of_context.get() or self._of_process

    def current(self) -> T:
        """The one in use. Raises what opening it raises."""
        chosen = self.chosen()
        if chosen is not None:
            return chosen
        return self.at(self._configured())

    def at(self, url: str) -> T:
        """The one at a URL, opened once per process."""
        found = self._opened.get(url)
        if found is not None:
            return found
        with self._lock:
            if url not in self._opened:
                self._opened[url] = self._open(url)
                atexit.register(self._end, self._opened[url])
            return self._opened[url]

    @contextmanager
    def using(self, one: T) -> Iterator[T]:
        """Use ``one`` in this context and the tasks started from it; does not close it."""
        token = self._of_context.set(one)
        try:
            yield one
        finally:
            self._of_context.reset(token)

    def choose(self, one: T | None) -> T | None:
        """Use ``one`` in the whole process; None goes back to the one that the settings name. Gives the one before."""
        before, self._of_process = self._of_process, one
        return before

    def let_go(self) -> None:
        """End all that were opened here, as when the process ends; whatever asks next opens its own."""
        with self._lock:
            opened, self._opened = self._opened, {}
            atexit.unregister(self._end)
        for one in opened.values():
            self._end(one)
