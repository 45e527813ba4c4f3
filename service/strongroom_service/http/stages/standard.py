"""What stands around every handler of a server: rates, idempotency keys, wraps, approvals."""

from __future__ import annotations

from strongroom_service.http.pipeline import Gate, Stage
from strongroom_service.http.stages.approval import asks_for_approval
from strongroom_service.http.stages.idempotency import idempotent
from strongroom_service.http.stages.rate_limit import AddressLimit, IdentityLimit, RateLimit
from strongroom_service.http.stages.wrapping import wrapping
from strongroom_service.settings import ServerSettings


def standard_gates(settings: ServerSettings) -> tuple[Gate, ...]:
    """What a request passes before its token is looked at."""
    return (AddressLimit(RateLimit(settings.address_rate, settings.address_burst)),)


def standard_stages(settings: ServerSettings) -> tuple[Stage, ...]:
    """What a request passes before its handler, the outermost first: what is asked again is answered as it was, wrap
    and all."""
    return (
        IdentityLimit(RateLimit(settings.identity_rate, settings.identity_burst)),
        idempotent,
        asks_for_approval,
        wrapping,
    )
