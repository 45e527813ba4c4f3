"""``/api/v1/workspaces``: which there are, and what a client has to know of one to use it."""

from __future__ import annotations

from pydantic import BaseModel, Field
from strongroom_registry.document import check_name
from strongroom_registry.errors import IntegrityError
from strongroom_registry.remote import wire

from strongroom_service.api.paging import Page, page_of_names
from strongroom_service.api.reach import require_reach
from strongroom_service.api.received import RECEIVED
from strongroom_service.errors import Forbidden, InvalidRequest
from strongroom_service.http.call import Answer, Call
from strongroom_service.http.route import Route
from strongroom_service.policies.resource import service
from strongroom_service.policies.verbs import Verb
from strongroom_service.workspaces import is_of_mount


class Removal(BaseModel):
    """How a workspace is removed."""

    model_config = RECEIVED

    force: bool = Field(False, description="Whether it is removed though it has documents.")


def list_workspaces(call: Call) -> Answer:
    names, more = page_of_names(call, call.service.workspaces.names(), lambda name: service("workspaces", name))
    return Answer(wire.Workspaces(workspaces=[_told(call, name) for name in names], next=more))


def whereabouts(call: Call) -> Answer:
    """Whoever has a right to anything in a workspace may open it; to all others it is as if it were not there."""
    name = check_name(call.params["workspace"])
    require_reach(call, name)
    registry = call.service.registry(name)
    anchor = registry.anchor()
    revision = registry.revision().hex()
    told = wire.Whereabouts(name=name, id=anchor.workspace_id, store_id=anchor.store_id, revision=revision)
    return Answer(told, headers={"ETag": f'"{revision}"'})


def new_workspace(call: Call) -> Answer:
    name = check_name(call.body.name)
    call.require(Verb.WRITE, service("workspaces", name))
    if is_of_mount(name):
        raise InvalidRequest("Workspaces of this name belong to mounts of Vault's API.", "Choose another name.")
    call.service.workspaces.add(name)
    call.service.leases.roles.forget(name)  # of one that was removed beside the server
    return Answer(_told(call, name))


def remove_workspace(call: Call) -> Answer:
    name = check_name(call.params["workspace"])
    call.require(Verb.DESTROY, service("workspaces", name))
    if is_of_mount(name):
        raise Forbidden(f"The workspace {name} belongs to a mount of Vault's API.", "Disable the mount.")
    told = _told(call, name)
    call.service.workspaces.remove(name, force=call.query.force)
    call.service.leases.roles.forget(name)
    call.service.record(call.caller, "remove-workspace", name=name)
    return Answer(told)


def _told(call: Call, name: str) -> wire.WorkspaceTold:
    registry = call.service.registry(name)
    try:
        anchor = registry.anchor()
    except IntegrityError as exc:
        about = registry.store_id  # the workspace's own id stands in what cannot be believed
        return wire.WorkspaceTold(name=name, id=about, seq=None, quarantine=exc.problem)
    return wire.WorkspaceTold(name=name, id=anchor.workspace_id, seq=anchor.seq)


_ALL = "/api/v1/workspaces"
_ONE = "/api/v1/workspaces/{workspace}"
_TAGS = ("workspaces",)

ROUTES: tuple[Route, ...] = (
    Route(
        method="GET",
        path=_ALL,
        handler=list_workspaces,
        summary="List the workspaces that the caller may list.",
        query=Page,
        answer=wire.Workspaces,
        tags=_TAGS,
    ),
    Route(
        method="POST",
        path=_ALL,
        handler=new_workspace,
        summary="Make a workspace, which the server's key opens.",
        body=wire.NewWorkspace,
        answer=wire.WorkspaceTold,
        tags=_TAGS,
        errors=(409,),
    ),
    Route(
        method="GET",
        path=_ONE,
        handler=whereabouts,
        summary="Open a workspace: its ids, and its revision, which is another one after each change of a document.",
        description="For whoever has a right to anything in it, or may `view` `:service/workspaces/NAME`.",
        answer=wire.Whereabouts,
        records="",
        tags=_TAGS,
        errors=(404,),
    ),
    Route(
        method="DELETE",
        path=_ONE,
        handler=remove_workspace,
        summary="Remove a workspace with all that belongs to it, for good.",
        query=Removal,
        answer=wire.WorkspaceTold,
        tags=_TAGS,
        errors=(404, 409),
    ),
)
