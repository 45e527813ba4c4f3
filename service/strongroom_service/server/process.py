"""One process that serves: uvicorn, with the guard of connections, signals as an operator expects them, and notices."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import os
import signal
import socket
from collections.abc import Callable, Generator
from types import FrameType
from typing import Any, cast

import uvicorn
from starlette.types import ASGIApp

from strongroom_service.errors import UnusableCertificate
from strongroom_service.revisions import Revisions
from strongroom_service.server.certificates import Certificates
from strongroom_service.server.limits import Limits
from strongroom_service.server.protocol import GuardedProtocol, Take

_log = logging.getLogger("strongroom.service")

_TICKS_A_SECOND = 10


class ServingProcess(uvicorn.Server):
    """Serves an application on sockets that listen, until SIGTERM or SIGINT; a second one ends it at once.

    :param take: answers requests in the place of ``app``, where it can.
    :param grace: the seconds that requests have to end after the first signal.
    :param on_ready: called once connections are taken.
    :param on_tick: called every second from then on.
    :param on_stop: called when no more connections are taken, before what is going on has ended.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        limits: Limits,
        take: Take | None = None,
        certificates: Certificates | None = None,
        grace: float = 30.0,
        on_ready: Callable[[], None] = lambda: None,
        on_tick: Callable[[], None] = lambda: None,
        on_stop: Callable[[], None] = lambda: None,
    ) -> None:
        protocol = functools.partial(GuardedProtocol, limits=limits, take=take)
        super().__init__(
            uvicorn.Config(
                app,
                http=cast(Any, protocol),
                ws="none",
                lifespan="on",
                loop=_loop(),
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,  # the application asks its settings whom to believe
                timeout_keep_alive=int(limits.idle_seconds),
                timeout_graceful_shutdown=max(1, round(grace)),
                ssl_context_factory=None if certificates is None else lambda *_: certificates.context,
            )
        )
        self._certificates = certificates
        self._on_ready = on_ready
        self._on_tick = on_tick
        self._on_stop = on_stop

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Take connections, and say so."""
        await super().startup(sockets)
        if self._certificates is not None:
            with contextlib.suppress(NotImplementedError, ValueError):
                asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self.reload)
        self._on_ready()

    async def on_tick(self, counter: int) -> bool:
        """Ten times a second; what is late is looked for once a second."""
        if counter % _TICKS_A_SECOND == 0:
            now = asyncio.get_running_loop().time()
            for connection in list(self.server_state.connections):
                cast(GuardedProtocol, connection).check(now)
            self._on_tick()
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take no more connections, and let requests end; streams of changes have no end of their own."""
        self._on_stop()
        Revisions.end_all()
        await super().shutdown(sockets)

    def reload(self) -> None:
        """Read the certificate again; a bad one is not taken."""
        if self._certificates is None:
            return
        try:
            self._certificates.reload()
        except UnusableCertificate as error:
            _log.error("The certificate is not replaced. %s %s", error.problem, error.remedy)
        else:
            _log.info("The certificate is read again.")

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """uvicorn's own, but that the process does not end by the signal that asked it to stop."""
        with super().capture_signals():
            try:
                yield
            finally:
                self._captured_signals.clear()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """The first asks, the second does not."""
        if self.should_exit:
            os._exit(128 + sig)
        super().handle_exit(sig, frame)


def _loop() -> str:
    try:
        import uvloop  # noqa: F401
    except ImportError:
        return "asyncio"
    return "uvloop"
