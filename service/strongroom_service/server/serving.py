"""From settings to a server that answers: address, certificate, registry, first token, processes."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from strongroom_registry.settings import RegistrySettings
from strongroom_registry.stores import shown

from strongroom_service.errors import CannotServe, UnusableCertificate
from strongroom_service.housekeeping import Housekeeping
from strongroom_service.http.application import Application
from strongroom_service.http.tables import all_routes
from strongroom_service.seal.shamir_seal import ShamirSeal
from strongroom_service.server.access_log import AccessLog
from strongroom_service.server.certificates import Certificates
from strongroom_service.server.crew import Crew
from strongroom_service.server.first_token import give_first_token, keep_in_file
from strongroom_service.server.front import with_liveness
from strongroom_service.server.limits import Limits
from strongroom_service.server.listening import address_of, check_exposure, listen
from strongroom_service.server.metrics import Metrics
from strongroom_service.server.notices import handed_over, tell_manager, watchdog_seconds
from strongroom_service.server.operations import Operations
from strongroom_service.server.process import ServingProcess
from strongroom_service.server.readiness import Readiness
from strongroom_service.server.sealed_application import SealedApplication
from strongroom_service.server.siblings import Siblings
from strongroom_service.service import Service
from strongroom_service.settings import ServerSettings

Say = Callable[[str], None]


def serve(settings: ServerSettings, say: Say) -> None:
    """Serve the registry that the environment names, until SIGTERM or SIGINT.

    :param say: tells the operator where it serves, and the first token; no log.
    :raises ServerProblem: the server cannot start.
    :raises KeyProblem, StoreProblem: the registry cannot be opened.
    """
    _write_diagnostics()
    certificates = _certificates(settings)
    check_exposure(settings.host, tls=certificates is not None, insecure=settings.insecure)
    if RegistrySettings().url.startswith("memory:"):
        raise CannotServe("A registry in memory is this process' own.", "Name another one in STRONGROOM_REGISTRY.")
    sockets = handed_over() or [listen(settings.host, settings.port)]
    address = address_of(sockets[0], tls=certificates is not None)
    server = _Server(settings, certificates, sockets, address, say)
    with ExitStack() as stack:
        for opened in sockets:
            stack.callback(opened.close)
        if settings.seal == "shamir":
            server.run_sealed()
            return
        service = Service.open(settings)
        try:
            _tell_first_token(service, settings, say)
            if settings.workers == 1:
                server.run_alone(service)
                return
        finally:
            service.close()
        server.run_crew(Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="strongroom-"))))


class _Server:
    def __init__(
        self,
        settings: ServerSettings,
        certificates: Certificates | None,
        sockets: list[socket.socket],
        address: str,
        say: Say,
    ) -> None:
        self._settings = settings
        self._certificates = certificates
        self._sockets = sockets
        self._address = address
        self._say = say
        self._heartbeat = _Heartbeat()

    def run_alone(self, service: Service) -> None:
        """Serve in this process."""
        self._serve(
            lambda build: build(service),
            0,
            None,
            on_ready=self._ready,
            on_tick=self._heartbeat.beat,
            on_stop=_say_stopping,
        )

    def run_sealed(self) -> None:
        """Serve in this process, once somebody has brought the shares of the registry's key."""
        if self._settings.workers != 1:
            raise CannotServe(
                "Each process of a server that shares open is to be unsealed by itself.",
                "Start several servers with one worker each.",
            )
        self._serve(
            lambda build: SealedApplication(partial(ShamirSeal, self._settings, RegistrySettings()), build),
            0,
            None,
            on_ready=self._ready,
            on_tick=self._heartbeat.beat,
            on_stop=_say_stopping,
        )

    def run_crew(self, folder: Path) -> None:
        """Serve in processes of their own."""

        def work(number: int, on_ready: Callable[[], None], life: int) -> None:
            with Service.open(self._settings, create=False) as service:
                self._serve(lambda build: build(service), number, folder, on_ready=on_ready, life=life)

        count, grace = self._settings.workers, self._settings.grace
        Crew(
            count, work, grace=grace, on_ready=self._ready, on_tick=self._heartbeat.beat, on_stop=self._stop_listening
        ).run()

    def _stop_listening(self) -> None:
        _say_stopping()
        for opened in self._sockets:
            opened.close()

    def _serve(
        self,
        application: Callable[[Callable[[Service], Application]], Application | SealedApplication],
        number: int,
        folder: Path | None,
        *,
        on_ready: Callable[[], None],
        on_tick: Callable[[], None] = lambda: None,
        on_stop: Callable[[], None] = lambda: None,
        life: int | None = None,
    ) -> None:
        settings = self._settings
        metrics, probes = Metrics(), list[Readiness]()
        log = (
            AccessLog(None if settings.access_log == "-" else Path(settings.access_log))
            if settings.access_log
            else None
        )
        siblings = Siblings(folder, number, settings.workers, metrics.snapshot)
        observers = [metrics.observe, *([log.observe] if log else [])]

        def build(service: Service) -> Application:
            probes[:] = [Readiness(service, number)]
            operations = Operations(probes[0], siblings, is_open=settings.metrics_open)
            return Application(
                service,
                routes=[*all_routes(), *operations.routes()],
                observers=observers,
                housekeeping=Housekeeping(service).start(),
            )

        app = application(build)
        _spare_what_stays()

        def tick() -> None:
            metrics.connections = len(process.server_state.connections)
            metrics.log_lines_dropped = log.dropped if log else 0
            on_tick()

        def stopping() -> None:
            for readiness in probes:
                readiness.is_stopping = True
            on_stop()

        process = ServingProcess(
            with_liveness(app),
            limits=limits_of(settings),
            take=app.take,
            certificates=self._certificates,
            grace=settings.grace,
            on_ready=on_ready if life is None else _watching_parent(life, on_ready),
            on_tick=tick,
            on_stop=stopping,
        )
        try:
            process.run(self._sockets)
        finally:
            if log is not None:
                log.close()

    def _ready(self) -> None:
        where = shown(RegistrySettings().url)
        self._say(f"Strongroom serves {where} at {self._address}")
        tell_manager(f"READY=1\nSTATUS=Serving at {self._address}")


class _Heartbeat:
    """Tells a watchdog that the process is well, as often as it wants to hear."""

    def __init__(self) -> None:
        self._every = watchdog_seconds()
        self._last = 0.0

    def beat(self) -> None:
        if self._every is not None and time.monotonic() - self._last >= min(self._every, 1.0):
            self._last = time.monotonic()
            tell_manager("WATCHDOG=1")


def _say_stopping() -> None:
    tell_manager("STOPPING=1")


def limits_of(settings: ServerSettings) -> Limits:
    """The bounds that the settings ask for."""
    return Limits(
        connections=settings.max_connections,
        head_bytes=settings.max_head_bytes,
        head_seconds=settings.head_seconds,
        body_seconds=settings.request_seconds,
        idle_seconds=settings.idle_seconds,
    )


def _certificates(settings: ServerSettings) -> Certificates | None:
    if settings.tls_cert is None and settings.tls_key is None:
        return None
    if settings.tls_cert is None or settings.tls_key is None:
        raise UnusableCertificate("TLS takes a certificate and its key.", "Give both --tls-cert and --tls-key.")
    return Certificates(settings.tls_cert, settings.tls_key)


def _tell_first_token(service: Service, settings: ServerSettings, say: Say) -> None:
    place = settings.token_file
    if place is not None and place.exists():
        return  # of an earlier start, or put there for this one: nothing is written over it

    def hand_over(token: str) -> None:
        if place is not None:
            keep_in_file(token, place)
            say(f"The first administrator's token stands in {place}, which its owner alone can read.")
            return
        say(f"The first administrator's token, shown this once: {token}")
        say("Keep it safe: everything is allowed to it. Make users and policies, then revoke it.")

    give_first_token(service, hand_over)


def _watching_parent(life: int, on_ready: Callable[[], None]) -> Callable[[], None]:
    """A worker whose parent is gone stops as if it had been asked to."""

    def orphaned() -> None:
        asyncio.get_running_loop().remove_reader(life)
        os.kill(os.getpid(), signal.SIGTERM)

    def ready() -> None:
        asyncio.get_running_loop().add_reader(life, orphaned)
        on_ready()

    return ready


def _write_diagnostics() -> None:
    """What the server has to say of itself goes to standard error; uvicorn's chatter does not."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    for name, level in (("strongroom.service", logging.INFO), ("uvicorn.error", logging.WARNING)):
        logger = logging.getLogger(name)
        logger.addHandler(handler)
        logger.setLevel(level)
        logger.propagate = False


def _spare_what_stays() -> None:
    """What is there before the first request stays to the end: the collector of garbage need not look at it again, and
    need not look for garbage at every few requests."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
