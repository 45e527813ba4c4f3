"""``/api/v1/protections``: which changes need a second person."""

from __future__ import annotations

from pydantic import BaseModel, Field

from strongroom_service.approvals.protection import Protection
from strongroom_service.errors import UnknownThing
from strongroom_service.http.call import Answer, Call
from strongroom_service.http.preconditions import check_no_precondition, etag, expected_version
from strongroom_service.http.route import Route
from strongroom_service.policies.path_pattern import PathPattern
from strongroom_service.policies.resource import Resource, service
from strongroom_service.policies.verbs import Verb


class ProtectionTold(Protection):
    """A protection by its name."""

    name: str


class ProtectionList(BaseModel):
    """Protections by name."""

    protections: list[ProtectionTold]
    version: int = Field(description="The number of the version of all of them together, which the ETag names.")


def list_protections(call: Call) -> Answer:
    known, version = call.service.protections.all()
    told = [
        _of(name, one)
        for name, one in sorted(known.protections.items())
        if call.service.decide(call.caller, Verb.LIST, _at(name)).allowed
    ]
    return Answer(ProtectionList(protections=told, version=version), headers=_tag(version))


def read_protection(call: Call) -> Answer:
    name = call.params["name"]
    call.require(Verb.VIEW, _at(name))
    return _told(call, name)


def write_protection(call: Call) -> Answer:
    name, expect = call.params["name"], expected_version(call.headers)
    call.require(Verb.ADMINISTER, _at(name))
    call.service.policies.check_protects(call.caller, map(PathPattern.parse, call.body.paths))
    call.service.protections.write(name, call.body, expect=expect)
    return _told(call, name)


def remove_protection(call: Call) -> Answer:
    name = call.params["name"]
    check_no_precondition(call.headers)
    call.require(Verb.ADMINISTER, _at(name))
    if not call.service.protections.remove(name):
        raise _unknown(name)
    return Answer()


def _told(call: Call, name: str) -> Answer:
    known, version = call.service.protections.all()
    if name not in known.protections:
        raise _unknown(name)
    return Answer(_of(name, known.protections[name]), headers=_tag(version))


def _of(name: str, protection: Protection) -> ProtectionTold:
    return ProtectionTold(name=name, **protection.model_dump())


def _tag(version: int) -> dict[str, str]:
    return {"ETag": etag(version)} if version else {}


def _at(name: str) -> Resource:
    return service("protections", name)


def _unknown(name: str) -> UnknownThing:
    return UnknownThing(f"There is no protection {name:.100}.", "See `strongroom approval protections`.")


_TAGS = ("approvals",)
_ONE = "/api/v1/protections/{name}"

ROUTES: tuple[Route, ...] = (
    Route(
        method="GET",
        path="/api/v1/protections",
        handler=list_protections,
        summary="List the protections that the caller may list.",
        answer=ProtectionList,
        tags=_TAGS,
    ),
    Route(
        method="GET",
        path=_ONE,
        handler=read_protection,
        summary="Read a protection.",
        answer=ProtectionTold,
        tags=_TAGS,
        errors=(404,),
    ),
    Route(
        method="PUT",
        path=_ONE,
        handler=write_protection,
        summary="Have changes of things wait for a second person.",
        body=Protection,
        answer=ProtectionTold,
        tags=_TAGS,
        errors=(412,),
    ),
    Route(
        method="DELETE",
        path=_ONE,
        handler=remove_protection,
        summary="Remove a protection. What waits goes on waiting.",
        status=204,
        tags=_TAGS,
        errors=(404,),
    ),
)
