"""A server process' HTTP side in a thread, before an application that tells what it was asked."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from strongroom_service.server.certificates import Certificates
from strongroom_service.server.limits import Limits
from strongroom_service.server.listening import listen
from strongroom_service.server.process import ServingProcess
from strongroom_service.server.protocol import Take


@dataclass
class Guarded:
    """Where it listens, and what the application saw."""

    port: int
    seen: list[str] = field(default_factory=list)
    gone: threading.Event = field(default_factory=threading.Event)
    go_on: threading.Event = field(default_factory=threading.Event)
    asked: threading.Event = field(default_factory=threading.Event)
    process: ServingProcess = field(init=False)

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=30)

    def answer(self, request: bytes) -> bytes:
        """All that is answered until the server closes; the client sends nothing more."""
        with self.connect() as connection:
            connection.sendall(request)
            connection.shutdown(socket.SHUT_WR)
            return everything(connection)

    def answers(self, *parts: bytes) -> bytes:
        """As above, for parts that arrive one by one, and a client that stays."""
        with self.connect() as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for part in parts:
                connection.sendall(part)
            return everything(connection)

    def serves(self) -> bool:
        """Whether an ordinary request is still answered."""
        return b" 200 " in self.answers(b"GET /well HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")


def everything(connection: socket.socket) -> bytes:
    """What comes until the other side closes."""
    parts = []
    try:
        while part := connection.recv(65536):
            parts.append(part)
    except ConnectionResetError:
        pass
    return b"".join(parts)


@contextmanager
def guarded(limits: Limits, certificates: Certificates | None = None, take: Take | None = None) -> Iterator[Guarded]:
    """Serve ``/…`` with what was asked, ``/slow`` after a sign, ``/large`` with eight megabytes.

    :param take: answers in the place of that, where it can.
    """
    opened = listen("127.0.0.1", 0)
    facts = Guarded(opened.getsockname()[1])
    ready = threading.Event()
    process = ServingProcess(
        _application(facts), limits=limits, take=take, certificates=certificates, grace=5, on_ready=ready.set
    )
    facts.process = process
    thread = threading.Thread(target=process.run, args=([opened],))
    thread.start()
    try:
        assert ready.wait(30)
        yield facts
    finally:
        facts.go_on.set()
        process.should_exit = True
        thread.join(30)
        assert not thread.is_alive()


def _application(facts: Guarded) -> Any:
    async def application(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await _live(receive, send)
            return
        body = b""
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                facts.gone.set()
                return
            body += message["body"]
            if not message["more_body"]:
                break
        asked = f"{scope['method']} {scope['path']} {len(body)}"
        facts.seen.append(asked)
        if scope["path"] == "/slow":
            facts.asked.set()
            await asyncio.to_thread(facts.go_on.wait, 30)
        answer = b"x" * 8_000_000 if scope["path"] == "/large" else f"<{asked}>".encode()
        length = (b"content-length", b"%d" % len(answer))
        await send({"type": "http.response.start", "status": 200, "headers": [length]})
        await send({"type": "http.response.body", "body": answer})

    return application


async def _live(receive: Any, send: Any) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
