"""A way to a server that counts the journeys: how often the client says something that may depend on an answer.

An answer takes a while to arrive, as it does over a network: what the client has said by then was not said because of
it.
"""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_LATENCY_SECONDS = 0.03


class Way:
    """Hands on what client and server say to each other, over any number of connections."""

    def __init__(self, host: str, port: int) -> None:
        self.journeys = 0
        self._target = (host, port)
        self._door = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []

    @property
    def port(self) -> int:
        return int(self._door.getsockname()[1])

    def serve(self) -> None:
        """Take connections until :meth:`close`."""
        with suppress(OSError):
            while True:
                client, _ = self._door.accept()
                server = socket.create_connection(self._target)
                self._open += [client, server]
                threading.Thread(target=self._hand_on, args=(client, server), daemon=True).start()

    def close(self) -> None:
        for one in (self._door, *self._open):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _hand_on(self, client: socket.socket, server: socket.socket) -> None:
        for end in (client, server):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        last = server
        with suppress(OSError, ValueError), client, server:
            while True:
                for end in _speaking([client, server]):
                    if end is server and last is client:
                        while _speaking([client], _LATENCY_SECONDS):
                            if not _handed_on(client, server):
                                return
                    if not _handed_on(end, server if end is client else client):
                        return
                    self.journeys += end is client and last is server
                    last = end


def _speaking(ends: list[socket.socket], seconds: float | None = None) -> list[socket.socket]:
    """Those that say something, or end. By poll: a process may have more files open than select can name."""
    poll = select.poll()
    for end in ends:
        poll.register(end, select.POLLIN)
    ready = {number for number, _ in poll.poll(None if seconds is None else seconds * 1000)}
    return [end for end in ends if end.fileno() in ready]


def _handed_on(speaker: socket.socket, listener: socket.socket) -> bool:
    said = speaker.recv(1 << 20)
    listener.sendall(said)
    return bool(said)


@contextmanager
def counted(host: str, port: int) -> Iterator[Way]:
    """A way to a server that is open while the block lasts."""
    way = Way(host, port)
    thread = threading.Thread(target=way.serve)
    thread.start()
    try:
        yield way
    finally:
        way.close()
        thread.join()
