"""``/api/v1/workspaces/{workspace}/leases``: credentials that are made on demand."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, Field

from strongroom_service.api.paging import Page
from strongroom_service.api.received import RECEIVED
from strongroom_service.durations import span
from strongroom_service.http.call import Answer, Call
from strongroom_service.http.preconditions import check_no_precondition
from strongroom_service.http.route import Route
from strongroom_service.leases.lease import Lease, LeaseState, Listed
from strongroom_service.leases.role import ROLE_NAME, ROLE_NAME_TOLD
from strongroom_service.telling import Told

RoleName = Annotated[
    str, Field(pattern=ROLE_NAME, max_length=48, description="The name of a lease role."), Told(ROLE_NAME_TOLD)
]
TtlSeconds = Annotated[int | None, Field(ge=1, le=366 * 24 * 3600)]


class NewLease(BaseModel):
    """Which credential is wanted, for how long."""

    model_config = RECEIVED

    role: RoleName
    ttl_seconds: TtlSeconds = Field(None, description="How long it is to work; the role's default if not given.")


class Renewal(BaseModel):
    """For how long a lease is to go on."""

    model_config = RECEIVED

    ttl_seconds: TtlSeconds = Field(None, description="From now on; as long as it was made for if not given.")


class RoleAsked(BaseModel):
    """The leases of which role."""

    model_config = RECEIVED

    role: RoleName


class LeasePage(Page):
    """Which leases, and which page of them."""

    role: Annotated[
        str, Field(pattern=r"^([a-z0-9]([a-z0-9_-]{0,46}[a-z0-9])?)?$", max_length=48), Told(ROLE_NAME_TOLD)
    ] = Field("", description="Those of one role.")
    stuck: bool = Field(False, description="Those that could not be ended, again and again.")


class LeaseTold(BaseModel):
    """A lease, without its credential, which nobody keeps."""

    id: str
    workspace: str
    role: str
    state: LeaseState
    name: str = Field(description="What the user is called in its system.")
    identity: str = Field(description="Who asked for it.")
    created: datetime
    until: datetime = Field(description="When the credential stops working.")
    latest: datetime = Field(description="Beyond which it is not renewed.")
    attempts: int = Field(description="How often its end was tried in vain.")
    problem: str = Field(description="What was wrong the last time.")
    reason: str = Field(description="Why it ends.")


class LeaseMade(LeaseTold):
    """A lease that was made, and the one answer that holds its credential."""

    credential: dict[str, str]


class LeaseLine(BaseModel):
    """A line of a listing; a lease whose record was changed in the database has a ``quarantine`` instead."""

    id: str
    lease: LeaseTold | None
    quarantine: str | None = None


class LeaseList(BaseModel):
    """Leases by id; ``next`` is the cursor of the page that follows, if there is one."""

    leases: list[LeaseLine]
    next: str | None = None


class LeaseRevoked(BaseModel):
    """What came of revoking a lease."""

    id: str
    gone: bool = Field(description="Whether the credential is gone.")
    lease: LeaseTold | None = Field(description="The lease, if not: `ending` is tried again, `lapsing` ends by itself.")


class LeasesRevoked(BaseModel):
    """How many leases are being ended."""

    ending: int


def create(call: Call) -> Answer:
    made = call.service.leases.create(
        call.caller, call.params["workspace"], call.body.role, span(call.body.ttl_seconds)
    )
    return Answer(LeaseMade(**_fields(made.id, made.lease), credential=made.credential))


def list_leases(call: Call) -> Answer:
    page: LeasePage = call.query
    workspace = call.params["workspace"]
    found, after = call.service.leases.page(
        call.caller, workspace, role=page.role, stuck=page.stuck, after=page.after, limit=page.limit
    )
    return Answer(LeaseList(leases=[_line(one) for one in found], next=after or None))


def show(call: Call) -> Answer:
    id = _id(call)
    return Answer(_told(id, call.service.leases.show(call.caller, id)))


def renew(call: Call) -> Answer:
    id = _id(call)
    return Answer(_told(id, call.service.leases.renew(call.caller, id, span(call.body.ttl_seconds))))


def revoke(call: Call) -> Answer:
    check_no_precondition(call.headers)
    id = _id(call)
    lease = call.service.leases.revoke(call.caller, id)
    return Answer(LeaseRevoked(id=id, gone=lease is None, lease=None if lease is None else _told(id, lease)))


def revoke_all(call: Call) -> Answer:
    return Answer(
        LeasesRevoked(ending=call.service.leases.revoke_all(call.caller, call.params["workspace"], call.body.role))
    )


def forget(call: Call) -> Answer:
    call.service.leases.forget(call.caller, _id(call))
    return Answer()


def _id(call: Call) -> str:
    return "/".join(call.params[part] for part in ("workspace", "role", "lease"))


def _told(id: str, lease: Lease) -> LeaseTold:
    return LeaseTold(**_fields(id, lease))


def _fields(id: str, lease: Lease) -> dict[str, object]:
    same = ("workspace", "state", "name", "identity", "created", "until", "latest", "attempts", "problem", "reason")
    return {"id": id, "role": lease.role_name, **{name: getattr(lease, name) for name in same}}


def _line(listed: Listed) -> LeaseLine:
    quarantine = None if listed.quarantine is None else listed.quarantine.problem
    return LeaseLine(
        id=listed.id,
        lease=None if listed.lease is None else _told(listed.id, listed.lease),
        quarantine=quarantine,
    )


_TAGS = ("leases",)
_ALL = "/api/v1/workspaces/{workspace}/leases"
_ONE = f"{_ALL}/{{role}}/{{lease}}"

ROUTES: tuple[Route, ...] = (
    Route(
        method="GET",
        path=_ALL,
        handler=list_leases,
        summary="List the leases that the caller made or may list.",
        query=LeasePage,
        answer=LeaseList,
        tags=_TAGS,
    ),
    Route(
        method="POST",
        path=_ALL,
        handler=create,
        summary="Have a short-lived credential made.",
        description="The answer is the only one that holds the credential; it is not kept.",
        body=NewLease,
        answer=LeaseMade,
        status=201,
        records="",
        tags=_TAGS,
        errors=(502,),
    ),
    Route(
        method="GET",
        path=_ONE,
        handler=show,
        summary="See a lease.",
        answer=LeaseTold,
        tags=_TAGS,
    ),
    Route(
        method="POST",
        path=f"{_ONE}/renew",
        handler=renew,
        summary="Have a credential work longer, up to the role's max_ttl.",
        body=Renewal,
        answer=LeaseTold,
        records="",
        tags=_TAGS,
        errors=(502,),
    ),
    Route(
        method="DELETE",
        path=_ONE,
        handler=revoke,
        summary="Revoke a lease: take its credential back.",
        answer=LeaseRevoked,
        records="",
        tags=_TAGS,
    ),
    Route(
        method="POST",
        path=f"{_ONE}/forget",
        handler=forget,
        summary="Strike a lease off without taking its credential back.",
        description="For systems that are gone for good. It takes the verb destroy.",
        status=204,
        records="",
        tags=_TAGS,
    ),
    Route(
        method="POST",
        path=f"{_ALL}/revoke",
        handler=revoke_all,
        summary="Revoke all leases of a role.",
        body=RoleAsked,
        answer=LeasesRevoked,
        status=202,
        records="",
        tags=_TAGS,
    ),
)
