"""Servers that hang, or give one fixed answer to whatever they are asked."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


def raw(
    status: int, body: bytes, kind: str = "application/json", *, location: str = "", encoding: str = "", size: int = -1
) -> bytes:
    """An answer of HTTP as it goes over the wire; ``size`` is what it claims to be long."""
    lines = [f"HTTP/1.1 {status} Said", f"Content-Type: {kind}", f"Content-Length: {len(body) if size < 0 else size}"]
    lines += [f"Location: {location}"] if location else []
    lines += [f"Content-Encoding: {encoding}"] if encoding else []
    return "\r\n".join([*lines, "Connection: close", "", ""]).encode() + body


@contextmanager
def answering(answer: bytes, *, then_hang: bool = False) -> Iterator[str]:
    """A server that says this to every request; the address. It ends each connection after it, or leaves it open."""
    with _listening(answer, then_hang) as address:
        yield address


@contextmanager
def hanging() -> Iterator[str]:
    """A server that accepts connections, reads, and never says a word; the address."""
    with _listening(b"", True) as address:
        yield address


@contextmanager
def _listening(answer: bytes, stays: bool) -> Iterator[str]:
    over = threading.Event()
    open_connections: list[socket.socket] = []

    def serve(connection: socket.socket) -> None:
        with suppress(OSError):
            if not _read_request(connection):
                return
            connection.sendall(answer)
            if stays:
                over.wait()
        with suppress(OSError):
            connection.close()

    def accept() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                open_connections.append(connection)
                threading.Thread(target=serve, args=(connection,), daemon=True).start()

    listener = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        over.set()
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for connection in open_connections:
            with suppress(OSError):
                connection.close()
        thread.join()


def _read_request(connection: socket.socket) -> bool:
    """Reads one request whole, so that its sender is not cut off while it sends; whether there was one."""
    data = b""
    while b"\r\n\r\n" not in data:
        part = connection.recv(65536)
        if not part:
            return False
        data += part
    head, _, body = data.partition(b"\r\n\r\n")
    sizes = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    left = int(sizes[0].partition(b":")[2]) - len(body) if sizes else 0
    while left > 0:
        part = connection.recv(min(left, 65536))
        if not part:
            return False
        left -= len(part)
    return True
