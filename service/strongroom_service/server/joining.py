"""Heads and bodies of answers in one write: each is a call of the system, at which threads pass the interpreter on."""

from __future__ import annotations

import asyncio
from typing import Any

_HEAD = b"HTTP/1.1 "


class JoiningTransport:
    """A transport that holds what begins an answer back until the next write, or the loop's next turn, so that a stream
    begins at once too. All else it hands through."""

    __slots__ = ("_held", "_loop", "_transport", "is_closing")

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._held = b""
        self.is_closing = transport.is_closing

    def write(self, data: bytes) -> None:
        """Write it, behind what is held."""
        if self._held:
            data, self._held = self._held + data, b""
            self._transport.write(data)
        elif data.startswith(_HEAD):
            self._held = data
            self._loop.call_soon(self._let_go)
        else:
            self._transport.write(data)

    def write_whole(self, data: bytes) -> None:
        """Write a whole answer at once, behind what is held."""
        self._let_go()
        self._transport.write(data)

    def close(self) -> None:
        """Close, once all is written."""
        self._let_go()
        self._transport.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def _let_go(self) -> None:
        if self._held:
            data, self._held = self._held, b""
            if not self._transport.is_closing():
                self._transport.write(data)
