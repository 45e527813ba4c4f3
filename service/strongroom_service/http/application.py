"""The application: routes, bodies, threads and answers, between a server and the pipeline.

A request is matched and read on the event loop, and worked on in a thread of a pool, since what the registry does waits
for a disk or a database; but for quick ones where all they read lies in a file.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from functools import lru_cache, partial
from typing import Any

from starlette.types import Message, Receive, Scope, Send
from strongroom_registry.errors import StrongroomError

from strongroom_service.errors import InvalidRequest, MethodNotAllowed, UnknownThing
from strongroom_service.housekeeping import Housekeeping
from strongroom_service.http.addresses import ClientAddresses
from strongroom_service.http.body import ClientGone, read
from strongroom_service.http.errors import code_of
from strongroom_service.http.exchange import Exchange, Finish, Incoming, Observer, Outgoing
from strongroom_service.http.lane import Lane
from strongroom_service.http.large_answers import LargeAnswers
from strongroom_service.http.loop_lane import LoopLane
from strongroom_service.http.paths import KEPT_MAX, segments_of
from strongroom_service.http.pipeline import Gate, Pipeline, Stage, Worked, failed
from strongroom_service.http.route import Route, RouteTree
from strongroom_service.http.stages.standard import standard_gates, standard_stages
from strongroom_service.http.tables import all_routes
from strongroom_service.service import Service

VAULT_PREFIX = b"/v1/"
_BATCH = 64
_LANES = 4
_WRAPS = {"strongroom-wrap-ttl", "x-vault-wrap-ttl"}
_ASKS_FOR_MORE = frozenset({*_WRAPS, "content-length", "transfer-encoding", "expect"})
_FIXED = [
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
]
_FIXED_LINES = "".join(f"{name.decode()}: {value.decode()}\r\n" for name, value in _FIXED)


class Application:
    """The service as an ASGI application.

    :param routes: by default those of :mod:`~strongroom_service.http.tables`.
    :param gates, stages: see :class:`~strongroom_service.http.pipeline.Pipeline`; by default those of
        :mod:`~strongroom_service.http.stages.standard`.
    :param observers: told of each request that was answered.
    :param housekeeping: what was started for the service, and stops with the application.
    """

    def __init__(
        self,
        service: Service,
        *,
        routes: Iterable[Route] | None = None,
        gates: Sequence[Gate] | None = None,
        stages: Sequence[Stage] | None = None,
        observers: Sequence[Observer] = (),
        housekeeping: Housekeeping | None = None,
    ) -> None:
        self.service = service
        self._housekeeping = housekeeping
        self.observers = list(observers)
        self._settings = service.settings
        self._pipeline = Pipeline(
            service,
            gates=standard_gates(self._settings) if gates is None else gates,
            stages=standard_stages(self._settings) if stages is None else stages,
        )
        self._tree = RouteTree(all_routes() if routes is None else routes)
        self._addresses = ClientAddresses(self._settings.trusted_proxies)
        self._slow = Lane(self._pipeline, name="strongroom-request", threads=self._settings.threads, batch=1)
        self._quick: Lane | LoopLane
        if service.workspaces.waits_for_disks_alone and _is_a_file(self._settings.records_url(service.workspaces.url)):
            self._quick = LoopLane(self._pipeline, service, self._slow)
        else:
            self._quick = Lane(
                self._pipeline, name="strongroom-quick", threads=_LANES, batch=_BATCH, waiting=self._slow
            )
        self._large = LargeAnswers()
        self._quick_at = lru_cache(maxsize=4096)(self._found_quick)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            await self._exchange(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1000})

    def close(self) -> None:
        """Let the requests that are being worked on end, and the housekeeping."""
        if self._housekeeping is not None:
            self._housekeeping.stop()
        self._quick.close()
        self._slow.close()

    def take(self, scope: Scope, finish: Finish) -> bool:
        """Answer a request without a body by calling ``finish`` on the event loop, without a task of its own; False
        where it is to be answered as an ASGI application does, and nothing was done."""
        if scope["method"] != "GET":
            return False
        raw_path = _raw_path(scope)
        found = self._quick_at(raw_path) if len(raw_path) <= KEPT_MAX else self._found_quick(raw_path)
        if found is None or found[0] in self._large:
            return False
        headers = _text(scope["headers"])
        if not _ASKS_FOR_MORE.isdisjoint(headers):
            return False
        path, route, values = found
        incoming = Incoming(
            id=secrets.token_hex(8),
            method="GET",
            path=path,
            route=route,
            values=values,
            query=scope["query_string"],
            headers=headers,
            body=b"",
            address=self._addresses.of(scope["client"], headers),
        )
        self._quick.take(incoming, partial(self._finish, scope, time.perf_counter(), finish))
        return True

    def _finish(self, scope: Scope, started: float, finish: Finish, worked: Worked) -> None:
        incoming, outgoing = worked.incoming, worked.outgoing
        self._large.note(incoming.path, len(outgoing.body))
        finish(outgoing.status, _head(outgoing, incoming.id), outgoing.body)
        self._tell(scope, incoming, outgoing, incoming.id, worked.error, 0, time.perf_counter() - started)

    def _found_quick(self, raw_path: bytes) -> tuple[str, Route, tuple[str, ...]] | None:
        """The quick route that a path is of, and what stands in it for its parameters."""
        try:
            segments = segments_of(raw_path)
        except InvalidRequest:
            return None
        match = self._tree.find(segments)
        route = match.routes.get("GET") if match else None
        if match is None or route is None or not route.is_quick:
            return None
        return "/" + "/".join(segments), route, match.values

    def _is_small(self, incoming: Incoming) -> bool:
        return incoming.path not in self._large and _WRAPS.isdisjoint(incoming.headers)

    async def _exchange(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = time.perf_counter()
        request_id = secrets.token_hex(8)
        incoming: Incoming | None = None
        received = 0
        try:
            incoming = await self._incoming(scope, receive, request_id)
            received = len(incoming.body)
            lane = self._quick if incoming.route.is_quick and self._is_small(incoming) else self._slow
            worked = await lane.answer(incoming)
            if incoming.route.is_quick:
                self._large.note(incoming.path, len(worked.outgoing.body))
            outgoing, code = worked.outgoing, worked.error
        except StrongroomError as error:
            is_vault = _raw_path(scope).startswith(VAULT_PREFIX)
            outgoing, code = failed(error, is_vault, request_id), code_of(error)
        except ClientGone:
            return
        await _send(receive, send, scope["method"], outgoing, request_id)
        if self.observers:
            self._tell(scope, incoming, outgoing, request_id, code, received, time.perf_counter() - started)

    async def _incoming(self, scope: Scope, receive: Receive, request_id: str) -> Incoming:
        method = scope["method"]
        segments = segments_of(_raw_path(scope))
        match = self._tree.find(segments)
        if match is None:
            raise UnknownThing("Nothing answers at this path.", "/api/v1/openapi.json lists the paths.")
        route = match.routes.get(method) or (match.routes.get("GET") if method == "HEAD" else None)
        if route is None:
            raise MethodNotAllowed(
                "This path takes other methods.", "The Allow header names them.", allowed=match.routes
            )
        headers = _text(scope["headers"])
        cap = self._settings.max_body_bytes if route.is_large else self._settings.max_json_bytes
        declared = headers.get("content-length")
        has_body = declared is not None or "transfer-encoding" in headers
        body = await read(receive, declared, cap, self._settings.request_seconds) if has_body else b""
        return Incoming(
            id=request_id,
            method=method,
            path="/" + "/".join(segments),
            route=route,
            values=match.values,
            query=scope["query_string"],
            headers=headers,
            body=body,
            address=self._addresses.of(scope.get("client"), headers),
        )

    def _tell(
        self,
        scope: Scope,
        incoming: Incoming | None,
        outgoing: Outgoing,
        request_id: str,
        code: str,
        received: int,
        seconds: float,
    ) -> None:
        caller = incoming.caller if incoming else None
        exchange = Exchange(
            id=request_id,
            method=scope["method"][:16],
            template=incoming.route.path if incoming else "",
            status=outgoing.status,
            seconds=seconds,
            received=received,
            sent=len(outgoing.body),
            identity=caller.identity if caller else "",
            accessor=caller.accessor if caller else "",
            address=incoming.address if incoming else str((scope.get("client") or ("",))[0]),
            error=code,
            action=(incoming.route.records or "") if incoming else "",
        )
        for observer in self.observers:
            observer(exchange)

    async def _live(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                await send({"type": "lifespan.startup.complete"})
            elif message["type"] == "lifespan.shutdown":
                await asyncio.to_thread(self.close)
                await send({"type": "lifespan.shutdown.complete"})
                return


def _text(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in headers}


def _headers(outgoing: Outgoing, request_id: str) -> list[tuple[bytes, bytes]]:
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in outgoing.headers.items()]
    headers += [*_FIXED, (b"strongroom-request-id", request_id.encode())]
    if outgoing.events is None and outgoing.status not in (204, 304):
        headers.append((b"content-length", b"%d" % len(outgoing.body)))
    return headers


def _head(outgoing: Outgoing, request_id: str) -> bytes:
    """The lines of :func:`_headers`, of an answer that is whole; without one that would be more than a line, and with a
    question mark for what a header cannot hold."""
    lines = [f"{name}: {value}\r\n" for name, value in outgoing.headers.items() if value.isprintable()]
    lines += (_FIXED_LINES, f"strongroom-request-id: {request_id}\r\n")
    if outgoing.status not in (204, 304):
        lines.append(f"content-length: {len(outgoing.body)}\r\n")
    return "".join(lines).encode("latin-1", "replace")


def _is_a_file(url: str) -> bool:
    return url.startswith(("sqlite:", "memory:"))


async def _send(receive: Receive, send: Send, method: str, outgoing: Outgoing, request_id: str) -> None:
    await send({"type": "http.response.start", "status": outgoing.status, "headers": _headers(outgoing, request_id)})
    if outgoing.events is not None:
        await _stream(receive, send, outgoing.events)
        return
    body = b"" if method == "HEAD" else outgoing.body
    end: Message = {"type": "http.response.body", "body": body}
    await send(end)


async def _stream(receive: Receive, send: Send, events: AsyncIterator[str]) -> None:
    """Send events until there are no more, or nobody listens any more."""
    gone: asyncio.Future[Any] = asyncio.ensure_future(_disconnected(receive))
    coming: asyncio.Future[Any] = gone
    try:
        while True:
            coming = asyncio.ensure_future(anext(events, None))
            await asyncio.wait({coming, gone}, return_when=asyncio.FIRST_COMPLETED)
            if not coming.done():
                return
            event = coming.result()
            if event is None:
                break
            await send({"type": "http.response.body", "body": event.encode(), "more_body": True})
    finally:
        for waiting in (gone, coming):
            waiting.cancel()
        await asyncio.gather(gone, coming, return_exceptions=True)
        close = getattr(events, "aclose", None)
        if close is not None:
            await close()
    await send({"type": "http.response.body", "body": b""})


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _raw_path(scope: Scope) -> bytes:
    raw: Any = scope.get("raw_path")
    return bytes(raw) if raw is not None else scope["path"].encode()
