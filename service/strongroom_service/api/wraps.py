"""``/api/v1/wraps``: put a value away, to be opened once."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

from pydantic import BaseModel, Field

from strongroom_service.api.received import RECEIVED
from strongroom_service.http.call import Answer, Call
from strongroom_service.http.route import Route
from strongroom_service.http.stages.wrapping import WrapModel, wrap_model
from strongroom_service.policies.resource import service
from strongroom_service.policies.verbs import Verb

WrapToken = Annotated[str, Field(min_length=1, max_length=200, description="The wrapping token: srw_….")]


class NewWrap(BaseModel):
    """A value to be wrapped."""

    model_config = RECEIVED

    value: Any = Field(description="Anything that JSON can say, up to 1 MiB.")
    ttl_seconds: int = Field(3600, ge=1, le=366 * 24 * 3600, description="How long it can be opened.")


class WrapAsked(BaseModel):
    """Which wrap."""

    model_config = RECEIVED

    token: WrapToken


class UnwrappedModel(BaseModel):
    """What was in a wrap."""

    value: Any
    creation_path: str = Field(description="The path of the request whose answer it is.")
    creation_time: str = Field(description="When it was wrapped: RFC 3339, in UTC.")


def wrap(call: Call) -> Answer:
    call.require(Verb.WRITE, service("wraps"))
    info = call.service.wraps.wrap(call.body.value, timedelta(seconds=call.body.ttl_seconds), call.path, call.caller)
    return Answer(wrap_model(info))


def lookup(call: Call) -> Answer:
    return Answer(wrap_model(call.service.wraps.lookup(call.body.token)))


def unwrap(call: Call) -> Answer:
    found = call.service.wraps.unwrap(call.body.token, call.caller)
    created = found.creation_time.isoformat().replace("+00:00", "Z")
    return Answer(UnwrappedModel(value=found.value, creation_path=found.creation_path, creation_time=created))


def rewrap(call: Call) -> Answer:
    return Answer(wrap_model(call.service.wraps.rewrap(call.body.token, call.caller)))


_TAGS = ("wraps",)

ROUTES: tuple[Route, ...] = (
    Route(
        method="POST",
        path="/api/v1/wraps",
        handler=wrap,
        summary="Wrap a value: a token that opens it once, in its place.",
        body=NewWrap,
        answer=WrapModel,
        status=201,
        records="",
        tags=_TAGS,
    ),
    Route(
        method="POST",
        path="/api/v1/wraps/lookup",
        handler=lookup,
        summary="See what a wrapping token is of, without opening it.",
        body=WrapAsked,
        answer=WrapModel,
        is_open=True,
        tags=_TAGS,
    ),
    Route(
        method="POST",
        path="/api/v1/wraps/unwrap",
        handler=unwrap,
        summary="Open a wrap. It opens once; a second attempt is refused, and both are in the audit.",
        description="Asked without a token of one's own: who has the wrapping token may open it.",
        body=WrapAsked,
        answer=UnwrappedModel,
        is_open=True,
        records="",
        tags=_TAGS,
    ),
    Route(
        method="POST",
        path="/api/v1/wraps/rewrap",
        handler=rewrap,
        summary="Replace a wrapping token by a new one, for as long again.",
        body=WrapAsked,
        answer=WrapModel,
        is_open=True,
        records="",
        tags=_TAGS,
    ),
)
