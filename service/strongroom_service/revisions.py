"""The revisions of workspaces, as they come: one thread looks for all who follow a workspace."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from threading import Event, Lock, Thread
from typing import ClassVar
from weakref import WeakKeyDictionary

from strongroom_registry import Registry
from strongroom_registry.errors import StoreProblem, StoreUnavailable, StrongroomError

LOOK_SECONDS = 0.5
"""How often is looked where the store tells nobody of changes; where it does, how often it is told of at most."""
_UNTOLD_LOOK_SECONDS = 15.0
_CLOSES_TOGETHER_SECONDS = 0.05


class Revisions:
    """Who follows one workspace. Safe to use from several threads; each follower is on an event loop."""

    _all: ClassVar[WeakKeyDictionary[Registry, Revisions]] = WeakKeyDictionary()
    _all_lock: ClassVar[Lock] = Lock()

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._lock = Lock()
        self._followers: dict[asyncio.Event, asyncio.AbstractEventLoop] = {}
        self._latest = ""
        self._problem: StrongroomError | None = None
        self._ends = False
        self._changed = Event()
        self._thread: Thread | None = None

    @classmethod
    def of(cls, registry: Registry) -> Revisions:
        """The one of a workspace."""
        with cls._all_lock:
            found = cls._all.get(registry)
            if found is None:
                found = cls._all[registry] = cls(registry)
            return found

    @classmethod
    def end_all(cls) -> None:
        """Let go of all who follow, since the process ends: they ask another one."""
        with cls._all_lock:
            everywhere = list(cls._all.values())
        for revisions in everywhere:
            revisions._ends = True
            revisions._tell()

    async def after(self, known: str, heartbeat: float) -> AsyncGenerator[str | None, None]:
        """Each revision that is another than the one before, the first another than ``known``; None where there was
        none for ``heartbeat`` seconds.

        :raises StrongroomError: the workspace cannot be followed.
        """
        told = asyncio.Event()
        self._join(told)
        try:
            while True:
                try:
                    await asyncio.wait_for(told.wait(), heartbeat)
                except TimeoutError:
                    yield None
                    continue
                await asyncio.sleep(_CLOSES_TOGETHER_SECONDS)
                told.clear()
                if self._ends:
                    return
                if self._problem is not None:
                    raise self._problem
                if self._latest not in ("", known):
                    known = self._latest
                    yield known
        finally:
            self._leave(told)

    def _join(self, told: asyncio.Event) -> None:
        with self._lock:
            self._followers[told] = asyncio.get_running_loop()
            if self._latest:
                told.set()
            if self._thread is None:
                self._problem = None
                self._thread = Thread(target=self._look, name="strongroom-revisions", daemon=True)
                self._thread.start()

    def _leave(self, told: asyncio.Event) -> None:
        with self._lock:
            self._followers.pop(told, None)
            if not self._followers:
                self._changed.set()

    def _look(self) -> None:
        stop, pause = self._woken()
        try:
            while self._is_followed():
                try:
                    revision = self._registry.revision().hex()
                except StoreProblem:
                    revision = self._latest  # away for a while
                if revision != self._latest:
                    self._latest = revision
                    self._tell()
                self._changed.wait(pause)
                self._changed.clear()
        except StrongroomError as exc:
            self._problem = exc
            self._tell()
            with self._lock:
                self._thread = None
        finally:
            stop()

    def _woken(self) -> tuple[Callable[[], None], float]:
        """Have the store wake the thread, if it can; and how long to wait for that."""
        try:
            return self._registry.watch(self._changed.set), _UNTOLD_LOOK_SECONDS
        except StoreUnavailable:
            return lambda: None, LOOK_SECONDS

    def _is_followed(self) -> bool:
        with self._lock:
            if not self._followers:
                self._thread, self._latest = None, ""
            return bool(self._followers)

    def _tell(self) -> None:
        with self._lock:
            followers = list(self._followers.items())
        for told, loop in followers:
            if not loop.is_closed():
                loop.call_soon_threadsafe(told.set)
