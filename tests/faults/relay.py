"""Between a client and PostgreSQL: hands on what they say, and cuts their connection at a message of the client's."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import urlsplit, urlunsplit

CHUNK = 1 << 16


class Relay:
    """Listens on a port of its own. A message is what the client sends at once: a statement, or several in a pipeline.

    ``messages`` counts them over all connections since :meth:`cut_at`.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._server = (parts.hostname, parts.port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        login = parts.netloc.rpartition("@")[0]
        place = f"{login}@127.0.0.1:{self._listener.getsockname()[1]}"
        self.url = urlunsplit(parts._replace(netloc=place, query="sslmode=disable"))
        self._lock = threading.Lock()
        self.cut_at(None)
        threading.Thread(target=self._listen, daemon=True).start()

    def cut_at(self, nth: int | None, *, before: bool = True) -> None:
        """Cut the connection at the nth message from now on, once; before the server gets it, or after."""
        with self._lock:
            self.messages = 0
            self._nth = nth
            self._before = before

    def close(self) -> None:
        self._listener.close()

    def _listen(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(self._server)
            for one, other, counts in ((client, server, True), (server, client, False)):
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                threading.Thread(target=self._hand_on, args=(one, other, counts), daemon=True).start()

    def _hand_on(self, source: socket.socket, target: socket.socket, counts: bool) -> None:
        with suppress(OSError):
            while data := source.recv(CHUNK):
                if counts and self._ends_here():
                    if not self._before:
                        target.sendall(data)
                        source.shutdown(socket.SHUT_RDWR)  # the server does what it was told, and nobody hears of it
                    break
                target.sendall(data)
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _ends_here(self) -> bool:
        with self._lock:
            self.messages += 1
            return self.messages == self._nth


@contextmanager
def relay(place: Any) -> Iterator[Relay]:
    """A relay to a place's server while the block lasts."""
    between = Relay(place.url)
    try:
        yield between
    finally:
        between.close()
