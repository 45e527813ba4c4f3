"""One line of JSON for each request: who, which route, what came of it; never a path, a query, a body or a token."""

from __future__ import annotations

import os
import sys
import time
from collections import deque
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from threading import Event, Thread

from pydantic_core import to_json

from strongroom_service.http.exchange import Exchange

_KEPT = 20_000
_EVERY = 0.1
"""Seconds. To wake the thread for each request would cost the request more than its line does."""


class AccessLog:
    """Writes lines from a thread of its own, so that a slow disk or pipe holds no request up. What it cannot keep is
    dropped and counted.

    :param place: a file, which is opened anew when it was moved away; None for standard output.
    :raises OSError: the file cannot be written.
    """

    def __init__(self, place: Path | None) -> None:
        self._place = place
        self._identity: tuple[int, int] | None = None
        self._descriptor = sys.stdout.fileno() if place is None else self._opened(place)
        self._waiting: deque[tuple[float, Exchange]] = deque()
        self._closing = Event()
        self.dropped = 0
        self._thread = Thread(target=self._write_all, name="strongroom-access-log", daemon=True)
        self._thread.start()

    def observe(self, exchange: Exchange) -> None:
        """Have a line written."""
        if len(self._waiting) >= _KEPT:
            self.dropped += 1
            return
        self._waiting.append((time.time(), exchange))

    def close(self) -> None:
        """Write what is waiting, and let go of the file."""
        self._closing.set()
        self._thread.join(10)
        if self._place is not None:
            os.close(self._descriptor)

    def _write_all(self) -> None:
        is_over = False
        while not is_over:
            is_over = self._closing.wait(_EVERY)  # and what came until then is still written
            lines = []
            while self._waiting:
                lines.append(line(*self._waiting.popleft()))
            if lines:
                self._write("".join(lines).encode())

    def _write(self, data: bytes) -> None:
        try:
            if self._place is not None and self._was_moved(self._place):
                os.close(self._descriptor)
                self._descriptor = self._opened(self._place)
            while data:
                data = data[os.write(self._descriptor, data) :]
        except OSError:
            self.dropped += data.count(b"\n")

    def _opened(self, place: Path) -> int:
        descriptor = os.open(place, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
        found = os.fstat(descriptor)
        self._identity = (found.st_dev, found.st_ino)
        return descriptor

    def _was_moved(self, place: Path) -> bool:
        try:
            found = os.stat(place)
        except FileNotFoundError:
            return True
        return (found.st_dev, found.st_ino) != self._identity


def line(moment: float, exchange: Exchange) -> str:
    """An exchange as a line of JSON."""
    seconds = int(moment)
    shape = {
        "time": f"{_second(seconds)}.{int((moment - seconds) * 1000):03}Z",
        "request_id": exchange.id,
        "method": exchange.method,
        "route": exchange.template,
        "status": exchange.status,
        "milliseconds": round(exchange.seconds * 1000, 2),
        "received": exchange.received,
        "sent": exchange.sent,
        "identity": exchange.identity,
        "accessor": exchange.accessor,
        "address": exchange.address,
        "error": exchange.error,
    }
    return to_json({name: value for name, value in shape.items() if value != ""}).decode() + "\n"


@lru_cache(maxsize=4)
def _second(moment: int) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%S")
