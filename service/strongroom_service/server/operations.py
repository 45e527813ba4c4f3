"""What operators and their machines ask a process: whether it is ready, and what it counts."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from strongroom_registry.errors import StrongroomError
from strongroom_registry.remote.address import is_loopback

from strongroom_service.errors import Unauthenticated
from strongroom_service.http.call import Answer, Call
from strongroom_service.http.route import Route
from strongroom_service.identity.caller import ANONYMOUS
from strongroom_service.identity.token_record import KIND as TOKENS
from strongroom_service.policies.resource import Resource
from strongroom_service.policies.verbs import Verb
from strongroom_service.server.metrics import text
from strongroom_service.server.readiness import Readiness
from strongroom_service.server.siblings import Siblings
from strongroom_service.service import Service

METRICS = Resource((":service", "metrics"))
_FORWARDED = ("x-forwarded-for", "forwarded", "x-real-ip")
_COUNTED = {"tokens": (TOKENS, "Tokens that are kept."), "leases": ("lease", "Leases that are kept.")}
_FRESH = 5.0


class Operations:
    """The routes of one process.

    :param is_open: whether anybody may read the metrics.
    """

    def __init__(self, readiness: Readiness, siblings: Siblings, *, is_open: bool) -> None:
        self._readiness = readiness
        self._siblings = siblings
        self._is_open = is_open
        self._gauges: tuple[float, dict[str, tuple[str, float]]] | None = None

    def routes(self) -> Sequence[Route]:
        """Readiness and metrics; liveness is answered before any route is looked for."""
        return (
            _route("/readyz", self._ready, "Whether the process can serve, and if not, why."),
            _route("/metrics", self._metrics, "What is counted, as Prometheus reads it."),
        )

    def _ready(self, _call: Call) -> Answer:
        found = self._readiness.check()
        is_ready = all(state == "ok" for state in found.values())
        return Answer({"ready": is_ready, "checks": found}, status=200 if is_ready else 503)

    def _metrics(self, call: Call) -> Answer:
        if not (self._is_open or _is_of_this_machine(call)):
            if call.caller.identity == ANONYMOUS.identity:
                raise Unauthenticated("The metrics take a token here.", "Send one that may view :service/metrics.")
            call.require(Verb.VIEW, METRICS)
        content = text(self._siblings.gather(), self._kept(call.service)).encode()
        return Answer(content=content, media_type="text/plain; version=0.0.4; charset=utf-8")

    def _kept(self, service: Service) -> dict[str, tuple[str, float]]:
        if self._gauges is None or time.monotonic() - self._gauges[0] > _FRESH:
            self._gauges = time.monotonic(), _counted(service)
        return self._gauges[1]


def _counted(service: Service) -> dict[str, tuple[str, float]]:
    try:
        with service.records.reading() as session:
            return {
                f"strongroom_{name}": (help_, float(session.count(kind))) for name, (kind, help_) in _COUNTED.items()
            }
    except StrongroomError:
        return {}  # what was counted in memory is told all the same


def _is_of_this_machine(call: Call) -> bool:
    """A proxy on this machine is not meant, which asks for others."""
    return is_loopback(call.caller.address) and not any(name in call.headers for name in _FORWARDED)


def _route(path: str, handler: Callable[[Call], Answer], summary: str) -> Route:
    return Route(method="GET", path=path, handler=handler, summary=summary, is_open=True, records="")
