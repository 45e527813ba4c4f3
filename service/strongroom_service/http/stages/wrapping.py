"""Answers that are wrapped: a header asks for a token that opens the answer once, in the place of the answer."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from strongroom_service.durations import parse_duration
from strongroom_service.errors import InvalidRequest
from strongroom_service.http.call import Answer, Call
from strongroom_service.http.route import Route
from strongroom_service.wrapping import WrapInfo

HEADER = "strongroom-wrap-ttl"
VAULT_HEADER = "x-vault-wrap-ttl"


class WrapModel(BaseModel):
    """What stands in the place of a value that was wrapped."""

    model_config = ConfigDict(extra="forbid")

    token: str = Field(max_length=65, description="Opens it, once. Empty where somebody looked without opening.")
    accessor: str = Field(max_length=12, description="Its public name, which the audit has.")
    ttl_seconds: int = Field(description="How long it can be opened, from its creation.")
    creation_time: str = Field(max_length=40, description="When it was made: RFC 3339, in UTC.")
    creation_path: str = Field(description="The path of the request whose answer it holds.")
    wrapped_accessor: str = Field("", max_length=12, description="The accessor of the token inside, if it holds one.")


class WrappedAnswer(BaseModel):
    """The answer to a request with the header ``Strongroom-Wrap-TTL``."""

    model_config = ConfigDict(extra="forbid")

    wrap_info: WrapModel


def wrapping(call: Call, route: Route, proceed: Callable[[], Answer]) -> Answer:
    """A stage of the pipeline: wraps the answer where the request asks for it. An answer without a body, and a refusal,
    stay as they are.

    :raises InvalidRequest: nobody asks, but to log in; the header is no duration, or one that the service does not
        allow; or the answer is of a kind that is not wrapped.
    :raises TooManyRequests: as much is kept for the caller as may be.
    """
    own, other = (VAULT_HEADER, HEADER) if route.vault else (HEADER, VAULT_HEADER)
    if other in call.headers:  # who asks for a wrap is not to be given what should have been in it
        raise InvalidRequest(f"Here a wrap is asked for by another header than {other}.", f"Send {own}.")
    asked = call.headers.get(own, "")
    if not asked or asked == "0":
        return proceed()
    if not (call.caller.accessor or call.caller.is_root or _logs_in(call)):
        raise InvalidRequest("Who has no token has nothing wrapped but the one of a login.", "Send a token.")
    if call.method == "HEAD":
        raise InvalidRequest("An answer without a body cannot be wrapped.", "Ask with GET.")
    ttl = parse_duration(asked)
    if ttl is None:
        raise InvalidRequest("The TTL of a wrap is no duration.", 'Write seconds, such as 300, or "5m".')
    call.service.wraps.check_ttl(ttl)
    if not route.vault and route.answer is None and (route.content or route.status not in (204, 205)):
        raise InvalidRequest("This answer is of a kind that cannot be wrapped.", "Ask for it without the header.")
    call.service.wraps.check_room(call.caller)  # before anything is done whose answer would be lost
    answer = proceed()
    if answer.events is not None or (answer.content is not None and answer.media_type != "application/json"):
        raise InvalidRequest("This answer is of a kind that cannot be wrapped.", "Ask for it without the header.")
    value = _value(answer)
    if value is None or (route.vault and value.get("wrap_info")):
        return answer
    auth = value.get("auth") if route.vault and isinstance(value, dict) else None
    path = call.path.removeprefix("/v1/") if route.vault else call.path
    info = call.service.wraps.wrap(
        value, ttl, path, call.caller, is_vault=route.vault, wrapped_accessor=str((auth or {}).get("accessor", ""))
    )
    if route.vault:
        return Answer(_vault_shape(call, info))
    return Answer(WrappedAnswer(wrap_info=wrap_model(info)), status=answer.status)


def wrap_model(info: WrapInfo) -> WrapModel:
    """What the API says of a wrap."""
    return WrapModel(
        token=info.token,
        accessor=info.accessor,
        ttl_seconds=int(info.ttl.total_seconds()),
        creation_time=_time(info),
        creation_path=info.creation_path,
        wrapped_accessor=info.wrapped_accessor,
    )


def vault_wrap_info(info: WrapInfo) -> dict[str, Any]:
    """What Vault's clients are told of a wrap."""
    shape: dict[str, Any] = {
        "token": info.token,
        "accessor": info.accessor,
        "ttl": int(info.ttl.total_seconds()),
        "creation_time": _time(info),
        "creation_path": info.creation_path,
    }
    return {**shape, "wrapped_accessor": info.wrapped_accessor} if info.wrapped_accessor else shape


def _logs_in(call: Call) -> bool:
    """Whether the answer can be a token of somebody who has none: others are kept for nobody."""
    is_login = call.path.startswith("/api/v1/auth/") or "/login" in call.path
    return is_login and call.method in ("POST", "PUT")


def _vault_shape(call: Call, info: WrapInfo) -> dict[str, Any]:
    return {
        "request_id": call.caller.request_id,
        "lease_id": "",
        "renewable": False,
        "lease_duration": 0,
        "data": None,
        "wrap_info": vault_wrap_info(info),
        "warnings": None,
        "auth": None,
    }


def _value(answer: Answer) -> Any:
    if answer.content is not None:
        return json.loads(answer.content)
    if isinstance(answer.value, BaseModel):
        return answer.value.model_dump(mode="json", by_alias=True)
    return answer.value


def _time(info: WrapInfo) -> str:
    return info.creation_time.astimezone(UTC).isoformat().replace("+00:00", "Z")
