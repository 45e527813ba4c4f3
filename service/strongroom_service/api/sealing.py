"""``/api/v1/workspaces/{workspace}/sealing``: keys of sessions, to seal values with that are no documents."""

from __future__ import annotations

from strongroom_registry.errors import IntegrityError
from strongroom_registry.remote import wire
from strongroom_registry.sealing_keys import SealingKeys

from strongroom_service.errors import UnknownSession
from strongroom_service.http.call import Answer, Call
from strongroom_service.http.route import Route
from strongroom_service.policies.resource import Resource, part
from strongroom_service.policies.verbs import Verb

SESSION_SECONDS = 3600
"""For how long new values are sealed in a session: that long after a rotation, values come under the key before it."""


def begin(call: Call) -> Answer:
    call.require(Verb.WRITE, _purpose(call))
    session = _keys(call).new(call.params["purpose"].encode())
    return Answer(wire.SessionTold(start=session.start, key=session.key, seconds=SESSION_SECONDS))


def open_session(call: Call) -> Answer:
    call.require(Verb.REVEAL, _purpose(call))
    try:
        return Answer(wire.KeyTold(key=_keys(call).key(call.params["purpose"].encode(), call.body.start)))
    except IntegrityError as exc:  # of what was sent, not of what is kept
        raise UnknownSession(exc.problem, exc.remedy) from None


def name(call: Call) -> Answer:
    call.require(Verb.VIEW, _purpose(call))
    keys, purpose, data = _keys(call), call.params["purpose"].encode(), call.body.data
    return Answer(wire.Named(name=keys.name(purpose, data), former=list(keys.former_names(purpose, data))))


def _purpose(call: Call) -> Resource:
    return part(call.params["workspace"], "sealing", call.params["purpose"])


def _keys(call: Call) -> SealingKeys:
    return call.service.registry(call.params["workspace"]).sealer(call.params["purpose"]).keys


_ONE = "/api/v1/workspaces/{workspace}/sealing/{purpose}"
_TAGS = ("sealing",)

ROUTES: tuple[Route, ...] = (
    Route(
        method="POST",
        path=_ONE,
        handler=begin,
        summary="Begin a session of sealing: a key for new values of one purpose.",
        description="Asks for `write` on `WORKSPACE/:sealing/PURPOSE`.",
        answer=wire.SessionTold,
        records="seal",
        tags=_TAGS,
        errors=(404,),
    ),
    Route(
        method="POST",
        path=f"{_ONE}/open",
        handler=open_session,
        summary="Get the key of a session that anybody began, to open its values.",
        description="Asks for `reveal` of `WORKSPACE/:sealing/PURPOSE`.",
        body=wire.SealingStart,
        answer=wire.KeyTold,
        records="unseal",
        tags=_TAGS,
        errors=(404,),
    ),
    Route(
        method="POST",
        path=f"{_ONE}/names",
        handler=name,
        summary="Get a name to know data again by, which tells nothing of it.",
        description="Asks for `view` of `WORKSPACE/:sealing/PURPOSE`. `former` are the names under earlier keys.",
        body=wire.ToName,
        answer=wire.Named,
        records="",
        tags=_TAGS,
        errors=(404,),
    ),
)
