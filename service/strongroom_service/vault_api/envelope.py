"""The one shape of Vault's answers, and of its refusals."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from strongroom_registry.errors import StrongroomError

from strongroom_service.errors import Forbidden, InvalidRequest, Unauthenticated, UnknownThing
from strongroom_service.http.call import Answer
from strongroom_service.http.errors import headers_of, status_of
from strongroom_service.http.exchange import Outgoing
from strongroom_service.vault_api.call import VaultCall

DENIED = "permission denied"
_STATUSES = {401: 403, 409: 400, 410: 404, 412: 400, 413: 400, 422: 400}


def answered(
    call: VaultCall,
    data: Mapping[str, Any] | None,
    *,
    status: int = 200,
    warnings: Sequence[str] = (),
    auth: Mapping[str, Any] | None = None,
    lease_id: str = "",
    lease_duration: int = 0,
    renewable: bool = False,
    on_top: bool = False,
) -> Answer:
    """An answer in the envelope.

    :param data: what was asked for.
    :param warnings: sentences for the one who asked.
    :param auth: the token that a login made.
    :param lease_duration: seconds.
    :param on_top: have the fields of ``data`` beside the envelope's too, as Vault has them in ``sys``.
    """
    envelope: dict[str, Any] = dict(data or {}) if on_top else {}
    envelope |= {
        "request_id": call.request_id,
        "lease_id": lease_id,
        "renewable": renewable,
        "lease_duration": lease_duration,
        "data": None if data is None else dict(data),
        "wrap_info": None,
        "warnings": list(warnings) or None,
        "auth": None if auth is None else dict(auth),
    }
    return Answer(envelope, status=status)


def done() -> Answer:
    """What a write answers that has nothing to say: 204."""
    return Answer(status=204)


def listed(call: VaultCall, keys: Sequence[str], **more: Any) -> Answer:
    """A list of names.

    :raises UnknownThing: there is none; Vault answers so.
    """
    if not keys:
        raise absent()
    return answered(call, {"keys": list(keys), **more})


def invalid(message: str) -> InvalidRequest:
    """A request that cannot be met as it is: 400. The message names fields, never their values."""
    return InvalidRequest(message)


def absent(message: str = "") -> UnknownThing:
    """There is no such thing: 404, mostly without a word."""
    return UnknownThing(message)


def denied() -> Forbidden:
    """The caller may not: 403. Says nothing of whether the thing is there."""
    return Forbidden(DENIED)


def failure(error: StrongroomError, request_id: str) -> Outgoing:
    """The answer that tells of an error, as Vault's clients read it: a list of sentences, and no more statuses than
    those that they know."""
    status = status_of(error)
    message = DENIED if isinstance(error, Unauthenticated) else str(error)
    body = json.dumps({"errors": [message] if message else []}).encode()
    return Outgoing(_STATUSES.get(status, status), {"content-type": "application/json", **headers_of(error)}, body)


def timestamp(at: datetime | None) -> str:
    """A moment as Vault writes it (RFC 3339, UTC); an empty text for none."""
    return "" if at is None else at.astimezone(UTC).isoformat().replace("+00:00", "Z")
