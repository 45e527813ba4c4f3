"""``/api/v1/approvals``: changes that wait for a second person."""

from __future__ import annotations

import base64
from datetime import datetime
from functools import cache

from pydantic import BaseModel, Field

from strongroom_service.api.changes_told import ChangeTold, change_told
from strongroom_service.api.paging import Page
from strongroom_service.api.received import RECEIVED
from strongroom_service.approvals.waiting import Outcome, State, Waiting
from strongroom_service.http.call import Answer, Call
from strongroom_service.http.carrying_out import CarryingOut
from strongroom_service.http.route import Route, RouteTree
from strongroom_service.policies.verbs import Verb


class Wanted(Page):
    """Which changes are listed."""

    state: State | None = Field(None, description="How far they are; of any state, if none is said.")


class Refusal(BaseModel):
    """Why a change is refused."""

    model_config = RECEIVED

    reason: str = Field("", max_length=1000)


class ApprovedBy(BaseModel):
    """That somebody approved it."""

    identity: str
    at: datetime


class ApprovalTold(BaseModel):
    """A change that waits, or waited. In a listing nothing is told of its body."""

    id: str
    state: State
    verb: Verb
    path: str = Field(description="What is to be changed.")
    request: str = Field(description="The request that is carried out once it is approved, without its body.")
    body_bytes: int
    note: str = Field(description="The message that came with it.")
    protections: list[str]
    requester: str
    needed: int = Field(description="How many others have to approve it.")
    approvals: list[ApprovedBy]
    created: datetime
    expires: datetime
    ended_by: str = Field(description="Who refused or withdrew it.")
    reason: str
    outcome: Outcome | None = Field(description="What came of it, once it was carried out.")


class ApprovalShown(ApprovalTold):
    """A change that waits, or waited, with what it would write."""

    change: ChangeTold | None = Field(description="None where nothing is written, or it does not wait any more.")


class ApprovalList(BaseModel):
    """Changes by id; ``next`` is the cursor of the page that follows, if there is one."""

    approvals: list[ApprovalTold]
    next: str | None = None


def list_approvals(call: Call) -> Answer:
    wanted = call.query
    states = frozenset(State) if wanted.state is None else frozenset({wanted.state})
    found = call.service.approvals.page(call.caller, states=states, after=wanted.after, limit=wanted.limit + 1)
    shown, last = wanted.cut(found)
    return Answer(ApprovalList(approvals=[_told(id, waiting) for id, waiting in shown], next=last[0] if last else None))


def show_approval(call: Call) -> Answer:
    id = call.params["id"]
    waiting = call.service.approvals.of(call.caller, id)
    match = _routes().find(tuple(waiting.path.strip("/").split("/")))
    route = match.routes.get(waiting.method) if match else None
    depth = call.service.settings.max_depth
    change = change_told(route.body if route else None, base64.b64decode(waiting.body), depth)
    return Answer(ApprovalShown(**dict(_told(id, waiting)), change=change))


def approve(call: Call) -> Answer:
    id = call.params["id"]
    waiting, is_claimed = call.service.approvals.approve(call.caller, id)
    _record(call, "approve", id, waiting)
    if is_claimed:
        waiting = CarryingOut(call.service, _routes()).carry_out(id, waiting)
    return Answer(_told(id, waiting))


def refuse(call: Call) -> Answer:
    id = call.params["id"]
    waiting = call.service.approvals.refuse(call.caller, id, call.body.reason)
    _record(call, "refuse" if waiting.state is State.REFUSED else "withdraw", id, waiting)
    return Answer(_told(id, waiting))


def _record(call: Call, action: str, id: str, waiting: Waiting) -> None:
    workspace, message = waiting.thing.workspace, f"{waiting.verb} approval {id} of {waiting.requester.identity}"
    call.service.record(call.caller, action, name=waiting.resource, workspace=workspace, message=message)


def _told(id: str, waiting: Waiting) -> ApprovalTold:
    query = f"?{waiting.query}" if waiting.query else ""
    return ApprovalTold(
        id=id,
        state=waiting.state,
        verb=waiting.verb,
        path=waiting.resource,
        request=f"{waiting.method} {waiting.path}{query}",
        body_bytes=waiting.size,
        note=waiting.note,
        protections=list(waiting.protections),
        requester=waiting.requester.identity,
        needed=waiting.needed,
        approvals=[ApprovedBy(identity=one.identity, at=one.at) for one in waiting.approvals],
        created=waiting.created,
        expires=waiting.expires,
        ended_by=waiting.ended_by,
        reason=waiting.reason,
        outcome=waiting.outcome,
    )


@cache
def _routes() -> RouteTree:
    from strongroom_service.http.tables import all_routes

    return RouteTree(all_routes())


_TAGS = ("approvals",)
_ONE = "/api/v1/approvals/{id}"

ROUTES: tuple[Route, ...] = (
    Route(
        method="GET",
        path="/api/v1/approvals",
        handler=list_approvals,
        summary="List the changes that wait or waited: the caller's own, and those that he may approve.",
        query=Wanted,
        answer=ApprovalList,
        tags=_TAGS,
    ),
    Route(
        method="GET",
        path=_ONE,
        handler=show_approval,
        summary="See a change that waits or waited, and what it would write but what may be secret.",
        answer=ApprovalShown,
        tags=_TAGS,
        errors=(404,),
    ),
    Route(
        method="POST",
        path=f"{_ONE}/approve",
        handler=approve,
        summary="Approve a change of somebody else.",
        description="The last approval that it takes has it carried out, as its requester, before this answers; "
        "`outcome` says what came of it.",
        answer=ApprovalTold,
        records="",
        tags=_TAGS,
        errors=(404, 409),
    ),
    Route(
        method="POST",
        path=f"{_ONE}/refuse",
        handler=refuse,
        summary="Refuse a change of somebody else, or withdraw one's own.",
        body=Refusal,
        answer=ApprovalTold,
        records="",
        tags=_TAGS,
        errors=(404, 409),
    ),
)
