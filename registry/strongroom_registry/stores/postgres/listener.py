"""Notifications of PostgreSQL: one connection and one thread that hear of every change, while somebody wants to."""

from __future__ import annotations

import logging
import os
import select
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import psycopg

from strongroom_registry.errors import StoreProblem
from strongroom_registry.stores.postgres.place import Place

Changed = Callable[[bytes], None]

_log = logging.getLogger("strongroom")
_RETRY_SECONDS = 2.0
_PROBE_SECONDS = 60.0

_INHERITED: list[psycopg.Connection[Any]] = []
"""Connections of the parent process, kept unused: to close one would end it for the parent."""


class Listener:
    """Calls those who watch with the id of each workspace that changes. Its thread starts with the first of them and
    ends with the last, or with :meth:`close`."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._watchers: dict[object, Changed] = {}
        self._lock = threading.Lock()
        self._ear: _Ear | None = None

    def watch(self, changed: Changed) -> Callable[[], None]:
        """Call ``changed`` after every change from now on, and for every workspace after a time without a connection.

        :raises StoreUnavailable: the server is away.
        """
        token = object()
        with self._lock:
            self._watchers[token] = changed
            if self._ear is None:
                try:
                    self._listen()
                except BaseException:
                    del self._watchers[token]
                    raise

        def unwatch() -> None:
            with self._lock:
                self._watchers.pop(token, None)
                silent = self._hush() if not self._watchers else None
            if silent is not None:
                silent.end()

        return unwatch

    def close(self) -> None:
        """End the thread; nobody is called any more when this returns."""
        with self._lock:
            self._watchers.clear()
            ear = self._hush()
        if ear is not None:
            ear.end()

    def after_fork(self) -> None:
        """The thread stayed in the parent. Those who watch are kept, and called again after :meth:`resume`."""
        self._lock = threading.Lock()
        if self._ear is not None:
            self._ear.leave_to_parent()
            self._ear = None

    def resume(self) -> None:
        """Listen again in a forked process, if somebody watches."""
        if self._watchers and self._ear is None:
            with self._lock:
                if self._watchers and self._ear is None:
                    self._listen()

    def _listen(self) -> None:
        with self._place.in_words():
            self._ear = _Ear(self._place, self._tell)

    def _hush(self) -> _Ear | None:
        ear, self._ear = self._ear, None
        return ear

    def _tell(self, workspace: bytes) -> None:
        for changed in list(self._watchers.values()):
            try:
                changed(workspace)
            except Exception:
                _log.exception("What watches the registry failed on a change.")


class _Ear:
    """A connection that listens, and the thread that reads it."""

    def __init__(self, place: Place, tell: Changed) -> None:
        self._place = place
        self._tell = tell
        self._connection: psycopg.Connection[Any] | None = _listening(place)
        self._wake, self._waker = os.pipe()
        self._thread = threading.Thread(target=self._run, name="strongroom-listener", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """End the thread and its connection, and wait for that unless this is the thread itself."""
        os.write(self._waker, b"x")
        if self._thread is not threading.current_thread():
            self._thread.join()

    def leave_to_parent(self) -> None:
        """In a forked process: touch neither thread nor connection."""
        if self._connection is not None:
            _INHERITED.append(self._connection)
        os.close(self._wake)
        os.close(self._waker)

    def _run(self) -> None:
        try:
            while not self._is_woken(self._hear()):
                self._reconnect()
        finally:
            if self._connection is not None:
                self._connection.close()
            os.close(self._wake)
            os.close(self._waker)

    def _hear(self) -> float:
        """Pass on what comes, until the connection breaks or somebody wants an end; how long to wait then."""
        connection = self._connection
        if connection is None:
            return _RETRY_SECONDS
        try:
            while True:
                for notify in connection.notifies(timeout=0):
                    self._pass_on(notify.payload)
                if self._is_woken(_PROBE_SECONDS, connection.fileno()):
                    return 0
                connection.execute(b"SELECT 1")  # what a broken line keeps from us, this finds out
        except psycopg.Error:
            connection.close()
            self._connection = None
            return 0

    def _pass_on(self, payload: str) -> None:
        with suppress(ValueError):  # anybody in the database can send anything
            self._tell(bytes.fromhex(payload))

    def _reconnect(self) -> None:
        try:
            connection = _listening(self._place)
        except (psycopg.Error, StoreProblem):
            return
        self._connection = connection
        with suppress(psycopg.Error):
            for (workspace,) in connection.execute(b"SELECT id FROM strongroom.workspaces", binary=True).fetchall():
                self._tell(bytes(workspace))

    def _is_woken(self, seconds: float, *others: int) -> bool:
        """Whether somebody wants an end; waits for that, or for something to read from ``others``."""
        poll = select.poll()
        for descriptor in (self._wake, *others):
            poll.register(descriptor, select.POLLIN)
        return any(descriptor == self._wake for descriptor, _ in poll.poll(seconds * 1000))


def _listening(place: Place) -> psycopg.Connection[Any]:
    connection = place.connect()
    try:
        connection.execute(b"LISTEN strongroom")
    except BaseException:
        connection.close()
        raise
    return connection
