"""``/api/v1/workspaces/{workspace}/lease-roles``: what leases are made by."""

from __future__ import annotations

from pydantic import BaseModel, Field

from strongroom_service.api.paging import Page, page_of_names
from strongroom_service.http.call import Answer, Call
from strongroom_service.http.preconditions import check_no_precondition, etag, expected_version
from strongroom_service.http.route import Route
from strongroom_service.leases.role import LeaseRole
from strongroom_service.leases.roles import resource_of
from strongroom_service.policies.verbs import Verb


class LeaseRoleLine(BaseModel):
    """A role in a listing."""

    name: str
    engine: str
    default_ttl: int = Field(description="Seconds.")
    max_ttl: int = Field(description="Seconds.")


class LeaseRoleList(BaseModel):
    """Roles by name; ``next`` is the cursor of the page that follows, if there is one."""

    roles: list[LeaseRoleLine]
    next: str | None = None


class LeaseRoleTold(BaseModel):
    """A role."""

    name: str
    version: int
    role: LeaseRole


def list_roles(call: Call) -> Answer:
    workspace, roles = call.params["workspace"], call.service.leases.roles
    names, more = page_of_names(call, roles.names(workspace), lambda name: resource_of(workspace, name))
    found = [(name, roles.found(workspace, name).value) for name in names]
    lines = [
        LeaseRoleLine(name=name, engine=role.engine, default_ttl=role.default_ttl, max_ttl=role.max_ttl)
        for name, role in found
    ]
    return Answer(LeaseRoleList(roles=lines, next=more))


def show(call: Call) -> Answer:
    workspace, name = call.params["workspace"], call.params["name"]
    call.require(Verb.VIEW, resource_of(workspace, name))
    return _told(call, workspace, name)


def write(call: Call) -> Answer:
    workspace, name = call.params["workspace"], call.params["name"]
    call.service.leases.roles.put(call.caller, workspace, name, call.body, expect=expected_version(call.headers))
    return _told(call, workspace, name)


def remove(call: Call) -> Answer:
    check_no_precondition(call.headers)
    call.service.leases.roles.remove(call.caller, call.params["workspace"], call.params["name"])
    return Answer()


def _told(call: Call, workspace: str, name: str) -> Answer:
    role, version = call.service.leases.roles.found(workspace, name)
    return Answer(LeaseRoleTold(name=name, version=version, role=role), headers={"ETag": etag(version)})


_TAGS = ("leases",)
_ALL = "/api/v1/workspaces/{workspace}/lease-roles"
_ONE = f"{_ALL}/{{name}}"

ROUTES: tuple[Route, ...] = (
    Route(
        method="GET",
        path=_ALL,
        handler=list_roles,
        summary="List the lease roles that the caller may list.",
        query=Page,
        answer=LeaseRoleList,
        tags=_TAGS,
    ),
    Route(method="GET", path=_ONE, handler=show, summary="Read a lease role.", answer=LeaseRoleTold, tags=_TAGS),
    Route(
        method="PUT",
        path=_ONE,
        handler=write,
        summary="Define a lease role.",
        description="It takes administer on the role, and reveal on the administrator's block.",
        body=LeaseRole,
        answer=LeaseRoleTold,
        tags=_TAGS,
    ),
    Route(
        method="DELETE",
        path=_ONE,
        handler=remove,
        summary="Remove a lease role. Its leases go on to their end.",
        status=204,
        tags=_TAGS,
    ),
)
