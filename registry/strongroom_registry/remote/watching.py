"""Following the changes of a workspace, as its server tells of them."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import suppress
from threading import Event as Flag
from threading import Lock, Thread

import urllib3
from urllib3.exceptions import HTTPError

from strongroom_registry.errors import StoreProblem, StrongroomError
from strongroom_registry.remote.connection import Connection, at
from strongroom_registry.remote.events import events_of
from strongroom_registry.remote.wire import HEARTBEAT_SECONDS

_LONGEST_SILENCE_SECONDS = 2.5 * HEARTBEAT_SECONDS
_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.2, 15.0

_log = logging.getLogger("strongroom")


class Watch:
    """One thread that follows a workspace, and calls ``changed`` after each change. A server first says at which
    revision the workspace is, and then whenever it is at another one; one that is asked again is told the last revision
    that was heard of, so that no change is missed. It ends with :meth:`stop`, or where the server says that the
    workspace may not be followed."""

    def __init__(self, connection: Connection, workspace: str, changed: Callable[[], None]) -> None:
        self._connection = connection
        self._path = at("workspaces", workspace, "events")
        self._changed = changed
        self._last = ""
        self._ends = Flag()
        self._lock = Lock()
        self._response: urllib3.BaseHTTPResponse | None = None
        self._heard = 0.0
        self._thread = Thread(target=self._follow, name="strongroom-watch", daemon=True)

    def start(self) -> None:
        """Begin to follow.

        :raises StrongroomError: the server cannot be followed now.
        """
        self._connect()
        self._thread.start()

    @property
    def is_told(self) -> bool:
        """Whether the server would have told of a change by now."""
        return self._response is not None and time.monotonic() - self._heard < _LONGEST_SILENCE_SECONDS

    def stop(self) -> None:
        """End it; twice is fine."""
        self._ends.set()
        with self._lock:
            response, self._response = self._response, None
        if response is not None:
            with suppress(OSError, HTTPError, ValueError):
                response.shutdown()  # wakes the thread that reads, which closes it

    def _connect(self) -> None:
        headers = {"Last-Event-ID": self._last} if self._last else {}
        response = self._connection.stream(self._path, headers=headers, seconds=_LONGEST_SILENCE_SECONDS)
        with self._lock:
            if self._ends.is_set():
                response.close()
                return
            self._heard = time.monotonic()
            self._response = response

    def _follow(self) -> None:
        pause = _PAUSE_SECONDS
        while not self._ends.is_set():
            try:
                if self._response is None:
                    self._connect()
                if self._read():
                    pause = _PAUSE_SECONDS
            except StoreProblem:
                pass
            except StrongroomError as exc:
                if not self._ends.is_set():
                    _log.warning("The registry's changes are not followed any more: %s", exc.problem)
                return
            if self._ends.wait(pause):
                return
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)

    def _read(self) -> bool:
        """Read until the answer ends; whether anything came."""
        response, came = self._response, False
        if response is None:
            return False
        try:
            for event in events_of(response):
                came, self._heard = True, time.monotonic()
                if event.id:
                    self._last = event.id
                if event.kind == "change":
                    self._changed()
        except (HTTPError, OSError, ValueError):
            pass
        finally:
            with self._lock:
                self._response = None
            with suppress(OSError, HTTPError, ValueError):
                response.close()
        return came
