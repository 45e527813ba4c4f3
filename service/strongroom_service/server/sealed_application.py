"""The application of a server with a seal: while that is closed it answers of its state, and takes shares; once it is
open, the service's own application answers everything."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from starlette.types import Receive, Scope, Send
from strongroom_registry.errors import StrongroomError

from strongroom_service.errors import InvalidRequest, Sealed
from strongroom_service.http.addresses import ClientAddresses
from strongroom_service.http.application import Application
from strongroom_service.http.body import ClientGone, as_json, read
from strongroom_service.http.call import Answer
from strongroom_service.http.exchange import Finish
from strongroom_service.http.pipeline import failed
from strongroom_service.ip_addresses import network_of
from strongroom_service.seal.shamir_seal import ShamirSeal
from strongroom_service.seal.share import read_share, shown_shares
from strongroom_service.service import Service
from strongroom_service.vault_api import fields
from strongroom_service.vault_api.sys.health import health_of, health_status, leader
from strongroom_service.vault_api.sys.sealing import seal_status_of

_BODY_MAX = 64 * 1024
_BODY_SECONDS = 30.0
_DEPTH = 4


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is asked of a closed server.

    :param sender: the network that the request comes from.
    """

    body: Mapping[str, Any]
    query: Mapping[str, str]
    sender: str


Handler = Callable[[ShamirSeal, _Asked], Answer]


@dataclass(slots=True)
class _Active:
    """A service that answers, and how many requests it works on."""

    service: Service
    application: Application
    requests: int = 0
    is_over: bool = False


class SealedApplication:
    """An ASGI application over a seal.

    :param make_seal: makes the seal, from what to call when it opens and closes.
    :param build: the application of a service that is open.
    """

    def __init__(
        self,
        make_seal: Callable[[Callable[[Service], None], Callable[[], None]], ShamirSeal],
        build: Callable[[Service], Application],
    ) -> None:
        self._build = build
        self._active: _Active | None = None
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="strongroom-seal")
        self.seal = make_seal(self._open, self._close)
        self._addresses = ClientAddresses(self.seal.settings.trusted_proxies)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1000})
        elif self._active is None:
            await self._answer_sealed(scope, receive, send)
        else:
            await self._answer(self._active, scope, receive, send)

    def take(self, scope: Scope, finish: Finish) -> bool:
        """See :meth:`Application.take`; the application is closed only when what it took is answered."""
        active = self._active
        if active is None:
            return False

        def finished(status: int, head: bytes, body: bytes) -> None:
            try:
                finish(status, head, body)
            finally:
                active.requests -= 1
                if active.is_over and active.requests == 0:
                    self._threads.submit(_end, active)

        is_taken = False
        active.requests += 1
        try:
            is_taken = active.application.take(scope, finished)
        finally:
            active.requests -= not is_taken
        return is_taken

    async def _answer(self, active: _Active, scope: Scope, receive: Receive, send: Send) -> None:
        active.requests += 1
        try:
            await active.application(scope, receive, send)
        finally:
            active.requests -= 1
            if active.is_over and active.requests == 0:
                await asyncio.to_thread(_end, active)

    async def _answer_sealed(self, scope: Scope, receive: Receive, send: Send) -> None:
        request_id = secrets.token_hex(8)
        is_vault = scope["path"].startswith("/v1/")
        try:
            answer = await self._sealed(scope, receive)
            status, body = answer.status or 200, json.dumps(answer.value).encode()
        except StrongroomError as error:
            outgoing = failed(error, is_vault, request_id)
            status, body = outgoing.status, outgoing.body
        except ClientGone:
            return
        headers = [
            (b"content-type", b"application/json"),
            (b"cache-control", b"no-store"),
            (b"content-length", str(len(body)).encode()),
            (b"strongroom-request-id", request_id.encode()),
        ]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

    async def _sealed(self, scope: Scope, receive: Receive) -> Answer:
        sent: str = scope["method"]
        method = {"HEAD": "GET", "POST": "PUT"}.get(sent, sent)
        handler = _HANDLERS.get((method, scope["path"].rstrip("/")))
        if handler is None:
            raise _sealed(scope["path"], is_made=self.seal.status().initialized)
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        raw = await read(receive, headers.get("content-length"), _BODY_MAX, _BODY_SECONDS)
        body = as_json(raw, _DEPTH) if raw else {}
        if not isinstance(body, dict):
            raise InvalidRequest("the body is an object")
        query = dict(parse_qsl(scope["query_string"].decode("latin-1"), max_num_fields=32))
        asked = _Asked(body, query, network_of(self._addresses.of(scope.get("client"), headers)))
        return await asyncio.get_running_loop().run_in_executor(self._threads, handler, self.seal, asked)

    def _open(self, service: Service) -> None:
        self._active = _Active(service, self._build(service))

    def _close(self) -> None:
        """Answer no more; what is being worked on ends first. Called in the thread of a request that is one of them."""
        active, self._active = self._active, None
        if active is not None:
            active.is_over = True

    async def _live(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                await send({"type": "lifespan.startup.complete"})
            elif message["type"] == "lifespan.shutdown":
                active, self._active = self._active, None
                if active is not None:
                    await asyncio.to_thread(_end, active)
                self._threads.shutdown()
                await send({"type": "lifespan.shutdown.complete"})
                return


def _sealed(path: str, *, is_made: bool) -> Sealed:
    """What is answered while nobody has opened it; beneath ``/v1`` in the words that clients of Vault look for."""
    if path.startswith("/v1/"):
        return Sealed("Vault is sealed" if is_made else "server is not yet initialized")
    if is_made:
        return Sealed("The server is sealed.", "Whoever has shares of its key opens it, with `strongroom seal open`.")
    return Sealed("The server has no registry yet.", "Have it made, and the shares of its key: `strongroom seal init`.")


def _end(active: _Active) -> None:
    active.application.close()
    active.service.close()


def _health(seal: ShamirSeal, asked: _Asked) -> Answer:
    status = seal.status()
    return Answer(health_of(status, int(time.time())), status=health_status(status, asked.query))


def _readiness(seal: ShamirSeal, asked: _Asked) -> Answer:
    told = "closed: `strongroom seal open`" if seal.status().initialized else "not made yet: `strongroom seal init`"
    return Answer({"ready": False, "checks": {"seal": told}}, status=503)


def _seal_status(seal: ShamirSeal, asked: _Asked) -> Answer:
    return Answer(seal_status_of(seal.status()))


def _leader(seal: ShamirSeal, asked: _Asked) -> Answer:
    return Answer(leader())


def _init_status(seal: ShamirSeal, asked: _Asked) -> Answer:
    return Answer({"initialized": seal.status().initialized})


def _init(seal: ShamirSeal, asked: _Asked) -> Answer:
    for name in ("pgp_keys", "root_token_pgp_key", "recovery_shares", "recovery_threshold", "stored_shares"):
        if asked.body.get(name):
            raise InvalidRequest(f"{name} is not possible here.")
    made = seal.initialise(
        fields.integer(asked.body, "secret_shares", 5, least=1, most=255) or 5,
        fields.integer(asked.body, "secret_threshold", 3, least=1, most=255) or 3,
    )
    return Answer({**shown_shares(made.shares), "root_token": made.root_token})


def _unseal(seal: ShamirSeal, asked: _Asked) -> Answer:
    if fields.boolean(asked.body, "reset", False):
        return Answer(seal_status_of(seal.reset(asked.sender)))
    if fields.boolean(asked.body, "migrate", False):
        raise InvalidRequest("migrate is not possible here.")
    share = read_share(fields.text(asked.body, "key", longest=256))
    return Answer(seal_status_of(seal.unseal(share, asked.sender)))


_HANDLERS: dict[tuple[str, str], Handler] = {
    ("GET", "/readyz"): _readiness,
    ("GET", "/v1/sys/health"): _health,
    ("GET", "/v1/sys/seal-status"): _seal_status,
    ("GET", "/v1/sys/leader"): _leader,
    ("GET", "/v1/sys/init"): _init_status,
    ("PUT", "/v1/sys/init"): _init,
    ("PUT", "/v1/sys/unseal"): _unseal,
}
