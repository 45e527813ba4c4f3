"""``/api/v1/policies``: read and write policies, and ask what they come to."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

from strongroom_service.api.paging import Page, page_of_names
from strongroom_service.errors import UnknownThing
from strongroom_service.http.call import Answer, Call
from strongroom_service.http.preconditions import check_no_precondition, etag, expected_version
from strongroom_service.http.route import Route
from strongroom_service.policies.policy import RESERVED, Policy, Rule
from strongroom_service.policies.resource import Resource, service
from strongroom_service.policies.verbs import Verb

PolicyName = Annotated[str, Field(min_length=1, max_length=96)]


class PolicyLine(BaseModel):
    """A policy in a listing."""

    name: str
    description: str
    version: int = Field(description="The number of its version; 0 of a reserved policy.")
    rules: int = Field(description="How many rules it has.")
    reserved: bool = Field(description="Whether it is always there and stays as it is.")


class PolicyList(BaseModel):
    """Policies by name; ``next`` is the cursor of the page that follows, if there is one."""

    policies: list[PolicyLine]
    next: str | None = None


class PolicyTold(BaseModel):
    """A policy."""

    name: str
    version: int
    reserved: bool
    description: str
    rules: tuple[Rule, ...]


def list_policies(call: Call) -> Answer:
    policies = call.service.policies
    names, more = page_of_names(call, policies.names(), _at)
    found = [(name, policies.found(name)) for name in names]
    lines = [
        PolicyLine(
            name=name,
            description=one.value.description,
            version=one.version,
            rules=len(one.value.rules),
            reserved=name in RESERVED,
        )
        for name, one in found
        if one is not None
    ]
    return Answer(PolicyList(policies=lines, next=more))


def read_policy(call: Call) -> Answer:
    name = call.params["name"]
    call.require(Verb.VIEW, _at(name))
    return _told(call, name)


def write_policy(call: Call) -> Answer:
    name, policies = call.params["name"], call.service.policies
    expect = expected_version(call.headers)
    call.require(Verb.ADMINISTER, _at(name))
    policies.check_writable(call.caller, name, call.body)
    policies.write(name, call.body, expect=expect)
    return _told(call, name)


def remove_policy(call: Call) -> Answer:
    name = call.params["name"]
    check_no_precondition(call.headers)
    call.require(Verb.ADMINISTER, _at(name))
    policies = call.service.policies
    policies.check_writable(call.caller, name, None)
    if not policies.remove(name) and not policies.free(call.caller, name):
        raise _unknown(name)
    return Answer()


def _told(call: Call, name: str) -> Answer:
    found = call.service.policies.found(name)
    if found is None:
        raise _unknown(name)
    policy, version = found
    told = PolicyTold(
        name=name, version=version, reserved=name in RESERVED, description=policy.description, rules=policy.rules
    )
    return Answer(told, headers={"ETag": etag(version)} if version else {})


def _at(name: str) -> Resource:
    return service("policies", name)


def _unknown(name: str) -> UnknownThing:
    return UnknownThing(f"There is no policy {name:.100}.", "See `strongroom policy ls`.")


_TAGS = ("policies",)
_ONE = "/api/v1/policies/{name}"

ROUTES: tuple[Route, ...] = (
    Route(
        method="GET",
        path="/api/v1/policies",
        handler=list_policies,
        summary="List the policies that the caller may list.",
        query=Page,
        answer=PolicyList,
        tags=_TAGS,
    ),
    Route(
        method="GET",
        path=_ONE,
        handler=read_policy,
        summary="Read a policy.",
        answer=PolicyTold,
        tags=_TAGS,
        errors=(404,),
    ),
    Route(
        method="PUT",
        path=_ONE,
        handler=write_policy,
        summary="Write a policy.",
        description="With `If-Match` (the ETag of the version that was read) or `If-None-Match: *` (a new one) it is "
        "written only if nobody else was faster.",
        body=Policy,
        answer=PolicyTold,
        tags=_TAGS,
        errors=(409, 412),
    ),
    Route(
        method="DELETE",
        path=_ONE,
        handler=remove_policy,
        summary="Remove a policy. Tokens that name it go on without it.",
        description="Of a policy in Vault's language that was removed, it frees the name, which else stays one of that "
        "language. It takes administer on `:service/policies/*`.",
        status=204,
        tags=_TAGS,
        errors=(404,),
    ),
)
