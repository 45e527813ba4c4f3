"""HTTP/1.1 as uvicorn and llhttp speak it, with Vault's method LIST, and a guard in front.

llhttp is several times as fast as h11, but refuses methods that it does not know. A request line that begins with
``LIST`` is handed to it as ``LINK``, which is as long, and the scope says LIST again. Only what stands where a message
begins is read so: bytes of a body or a header never are, since the parser itself says where it is.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, cast

import httptools
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from strongroom_service.http.exchange import Finish
from strongroom_service.server.joining import JoiningTransport
from strongroom_service.server.limits import Limits
from strongroom_service.server.refusals import Refusal

_log = logging.getLogger("strongroom.service")

_LIST, _STAND_IN = b"LIST ", b"LINK "
_BEGINNINGS = (b"L", b"LI", b"LIS", b"LIST")


Take = Callable[[Any, Finish], bool]
"""Answers a request by calling what it is given, or says at once that it does not."""


class _Refused(Exception):
    """Leaves the parser."""


class GuardedProtocol(HttpToolsProtocol):
    """One connection. Whatever is over its limits is answered with an error, if it still can be, and closed.

    :param take: answers requests that need no task of their own.

    Deadlines are looked at by :meth:`check`, once a second for all connections of a process, which costs a request
    nothing; a timer for each would cost it a tenth of its time.
    """

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        limits: Limits,
        take: Take | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._take = take
        self._limits = limits
        self._deadline: float | None = None  # until the head or the body that is coming has to be whole
        self._write_deadline: float | None = None
        self._idle_deadline: float | None = None
        self._between = True  # the parser stands where a message begins
        self._in_head = False
        self._head_bytes = 0
        self._hosts = 0
        self._listing = False
        self._held = b""
        self._refusal: Refusal | None = None
        self._deaf = False

    # -- the connection

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.transport = cast(asyncio.Transport, JoiningTransport(transport, self.loop))
        self._deadline = self.loop.time() + self._limits.head_seconds
        if len(self.connections) > self._limits.connections:
            self._answer(Refusal.CONNECTIONS)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._deadline = self._write_deadline = self._idle_deadline = None

    def check(self, now: float) -> None:
        """End the connection where its time is over.

        :param now: the event loop's time.
        """
        if self._write_deadline is not None:
            if now >= self._write_deadline:
                self.transport.abort()
        elif self.transport.is_closing():
            self._write_deadline = now + self._limits.write_seconds
        elif self._idle_deadline is not None and now >= self._idle_deadline:
            self.transport.close()
        elif self._deadline is not None and now >= self._deadline and not self.flow.read_paused:
            if self._between and not self._held:
                self.transport.close()  # nothing was asked, so nothing is answered
            else:
                self._refuse(Refusal.SLOW)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._write_deadline = self.loop.time() + self._limits.write_seconds

    def resume_writing(self) -> None:
        super().resume_writing()
        self._write_deadline = None

    def shutdown(self) -> None:
        super().shutdown()
        for cycle, _app in self.pipeline:
            cycle.keep_alive = False

    # -- bytes

    def data_received(self, data: bytes) -> None:
        self._idle_deadline = None
        if self._deaf or self.transport.is_closing():
            return
        self._wait_for_head()
        try:
            for piece in self._pieces(data):
                self.parser.feed_data(piece)
                self._count(len(piece))
        except httptools.HttpParserUpgrade:
            self._stay_with_http()
        except httptools.HttpParserInvalidMethodError:  # or what is no HTTP at all
            self._refuse(Refusal.METHOD if data.partition(b" ")[0].isalpha() else Refusal.MALFORMED)
        except (httptools.HttpParserError, _Refused):
            self._refuse(self._refusal or Refusal.MALFORMED)
        if self._held:
            self._wait_for_head()

    def _wait_for_head(self) -> None:
        if self._deadline is None and not self._deaf:
            self._deadline = self.loop.time() + self._limits.head_seconds

    def _pieces(self, data: bytes) -> Iterator[bytes]:
        """The data, cut before each LIST, which is rewritten if the parser is between two messages by then; so that
        one that is cut in two is seen too, the beginning of one is kept back."""
        if self._held:
            data, self._held = self._held + data, b""
        elif _LIST not in data and not data.endswith(_BEGINNINGS):
            yield data
            return
        start = 0
        while (found := data.find(_LIST, start)) >= 0:
            if found > start:
                yield data[start:found]
            self._listing = self._listing or self._between
            yield _STAND_IN if self._between else _LIST
            start = found + len(_LIST)
        rest = data[start:]
        kept = next((len(beginning) for beginning in reversed(_BEGINNINGS) if rest.endswith(beginning)), 0)
        if len(rest) > kept:
            yield rest[: len(rest) - kept]
        if kept and self._between:
            self._held = rest[-kept:]
        elif kept:
            yield rest[-kept:]

    def _count(self, size: int) -> None:
        """What is left in the parser as part of a head is bounded, which callbacks do not see before it is whole."""
        if self._in_head:
            self._head_bytes += size
            if self._head_bytes > self._limits.head_bytes:
                self._refusal = Refusal.HEAD
                raise _Refused

    def _stay_with_http(self) -> None:
        """An upgrade was offered; it is not taken up, and what follows is not read as HTTP any more."""
        self._deaf = True
        self._deadline = None
        if self.cycle is not None:
            self.cycle.keep_alive = False

    # -- callbacks of the parser

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._between = False
        self._in_head = True
        self._head_bytes = self._hosts = 0
        self._wait_for_head()

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        if len(self.url) > self._limits.target_bytes:
            self._leave(Refusal.TARGET)

    def on_header(self, name: bytes, value: bytes) -> None:
        super().on_header(name, value)
        if len(self.headers) > self._limits.headers:
            self._leave(Refusal.HEADERS)
        if len(name) == 4 and name.lower() == b"host":
            self._hosts += 1

    def on_headers_complete(self) -> None:
        if sum(len(name) + len(value) + 4 for name, value in self.headers) + len(self.url) > self._limits.head_bytes:
            self._leave(Refusal.HEAD)
        if self._hosts != 1 and (self._hosts or self.parser.get_http_version() != "1.0"):
            self._leave(Refusal.HOST)
        if len(self.pipeline) >= self._limits.pipelined:
            self._leave(Refusal.PIPELINED)
        super().on_headers_complete()
        self._in_head = False
        if self._listing:
            self._listing = False
            self.scope["method"] = "LIST"
        self._deadline = self.loop.time() + self._limits.body_seconds

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._between = True
        self._deadline = None

    def _leave(self, refusal: Refusal) -> None:
        self._refusal = refusal
        raise _Refused

    # -- answers

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        if self._take is None or self.flow.write_paused or not self._is_taken(self._take, cycle):
            super()._start_asgi_task(cycle, app)

    def _is_taken(self, take: Take, cycle: RequestResponseCycle) -> bool:
        try:
            return take(cycle.scope, partial(self._finish, cycle))
        except Exception as error:  # of which the parser would know only that it cannot go on
            _log.error("a request could not be taken: %s", type(error).__name__)
            return False

    def _finish(self, cycle: RequestResponseCycle, status: int, head: bytes, body: bytes) -> None:
        """Send a whole answer, as the cycle would; to nobody, where the connection is gone: of a cycle with others
        behind it uvicorn does not say so."""
        if cycle.disconnected or cycle.response_started or self.transport.is_closing():
            return
        lines = [STATUS_LINE[status]]
        for name, value in self.server_state.default_headers:
            lines += (name, b": ", value, b"\r\n")
        lines += (head, b"\r\n" if cycle.keep_alive else b"connection: close\r\n\r\n", body)
        cycle.response_started = cycle.response_complete = True
        cycle.message_event.set()
        self.transport.write_whole(b"".join(lines))  # type: ignore[attr-defined]
        if not cycle.keep_alive:
            self.transport.close()
        self.on_response_complete()

    def on_response_complete(self) -> None:
        """As uvicorn's, but that the time that a connection may be idle is looked at with the other deadlines."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        else:
            self._idle_deadline = self.loop.time() + self._limits.idle_seconds

    # -- refusals

    def _refuse(self, refusal: Refusal) -> None:
        """Answer with an error, once nobody could take it for the answer to another request; else end without one."""
        self._deaf = True
        self._deadline = None
        cycle = self.cycle
        if cycle is None or cycle.response_complete:
            self._answer(refusal)
        elif self._in_head or self._between:  # the answers to former requests are still to come
            cycle.keep_alive = False
        elif self.pipeline or cycle.response_started:
            self.transport.abort()
        else:
            cycle.disconnected = True
            cycle.message_event.set()
            self._answer(refusal)

    def _answer(self, refusal: Refusal) -> None:
        self._deaf = True
        self._deadline = None
        body = json.dumps(refusal.body).encode()
        headers = [*self.server_state.default_headers, *refusal.headers, (b"content-length", b"%d" % len(body))]
        lines = [STATUS_LINE[refusal.status], *(b"%s: %s\r\n" % header for header in headers), b"\r\n", body]
        self.transport.write(b"".join(lines))
        self.transport.close()
        self._write_deadline = self.loop.time() + self._limits.write_seconds
