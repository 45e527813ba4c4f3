"""What a server says went wrong, as the error that an embedded registry would raise."""

from __future__ import annotations

import re

from pydantic import BaseModel, ValidationError

from strongroom_registry import errors
from strongroom_registry.errors import (
    AccessDenied,
    ApprovalPending,
    RegistryRefusal,
    SealBroken,
    ServerMisspoke,
    ServerUnreachable,
    StrongroomError,
    TokenRefused,
)
from strongroom_registry.remote.wire import Fault

_WORDS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_CLASSES: dict[str, type[StrongroomError]] = {
    _WORDS.sub("_", name).lower(): kind
    for name, kind in vars(errors).items()
    if isinstance(kind, type) and issubclass(kind, StrongroomError)
}
_CLASSES["request_in_progress"] = ServerUnreachable  # whether it will be done is not known yet
_CLASSES["unknown_session"] = SealBroken
_BY_STATUS: dict[int, type[StrongroomError]] = {
    401: TokenRefused,
    403: AccessDenied,
    429: ServerUnreachable,
    500: ServerMisspoke,
    502: ServerUnreachable,
    503: ServerUnreachable,
    504: ServerUnreachable,
}


class _Body(BaseModel):
    error: Fault


class _Waiting(BaseModel):
    approval: str
    needed: int


def error_of(status: int, body: bytes, server: str) -> StrongroomError:
    """The error that an answer tells of.

    :param server: its address, for an answer that does not say anything of use.
    """
    try:
        fault = _Body.model_validate_json(body).error
    except ValidationError:
        return _unsaid(status, server)
    return raised(fault, _BY_STATUS.get(status, RegistryRefusal if status < 500 else ServerUnreachable))


def raised(fault: Fault, otherwise: type[StrongroomError] = StrongroomError) -> StrongroomError:
    """The error that a fault tells of.

    :param otherwise: its class, where this version of Strongroom knows none of that name.
    """
    return _CLASSES.get(fault.code, otherwise)(fault.message, fault.remedy)


def know(kind: type[StrongroomError]) -> None:
    """Have :func:`raised` know a class of errors of those who ask a server for more than documents."""
    _CLASSES[_WORDS.sub("_", kind.__name__).lower()] = kind


def pending_of(body: bytes) -> ApprovalPending | None:
    """That a change waits for a second person, if an answer with status 202 says so."""
    try:
        waiting = _Waiting.model_validate_json(body)
    except ValidationError:
        return None
    who = "somebody else approves" if waiting.needed == 1 else f"{waiting.needed} others approve"
    return ApprovalPending(
        f"The change is not made yet: it waits as {waiting.approval:.40} until {who} it.",
        f"They do with `strongroom approval approve {waiting.approval:.40}`.",
    )


def fault_of(error: StrongroomError) -> Fault:
    """An error as it is told."""
    code = _WORDS.sub("_", type(error).__name__).lower()
    return Fault.model_construct(code=code, message=error.problem, remedy=error.remedy)


def _unsaid(status: int, server: str) -> StrongroomError:
    kind = _BY_STATUS.get(status, ServerMisspoke)
    if kind is ServerUnreachable:
        return kind(f"{server} cannot answer now (HTTP {status}).", "Try again in a moment.")
    if kind is TokenRefused:
        return kind(f"{server} does not take the token.", "Sign in with `strongroom login`, or set STRONGROOM_TOKEN.")
    if kind is AccessDenied:
        return kind(f"{server} does not allow it.", "Ask who administers it.")
    return ServerMisspoke(
        f"{server} answered with HTTP {status}, and not as a server of Strongroom does.",
        "See whether STRONGROOM_REGISTRY names the right address.",
    )
