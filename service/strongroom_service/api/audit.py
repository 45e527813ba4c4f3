"""``/api/v1/workspaces/{workspace}/audit`` and what else proves a workspace whole."""

from __future__ import annotations

from itertools import islice

from pydantic import Field
from strongroom_registry.anchor import Anchor
from strongroom_registry.errors import AnchorTampered, AuditChainBroken, StoreRolledBack
from strongroom_registry.remote import reports, wire
from strongroom_registry.remote.problems import fault_of

from strongroom_service.api.paging import Page
from strongroom_service.errors import InvalidRequest
from strongroom_service.http.call import Answer, Call
from strongroom_service.http.route import Route
from strongroom_service.policies.resource import part
from strongroom_service.policies.verbs import Verb


class Entries(Page):
    """Which entries of the audit."""

    name: str | None = Field(None, max_length=256, description="Only those about this document.")


def read_audit(call: Call) -> Answer:
    call.require(Verb.VIEW, part(call.params["workspace"], "audit"))
    asked: Entries = call.query
    entries = call.service.registry(call.params["workspace"]).audit(name=asked.name)
    if asked.after:
        if not asked.after.isdecimal():
            raise InvalidRequest("`after` is not understood.", "Send the `next` of the page before.")
        entries = (entry for entry in entries if entry.seq < int(asked.after))
    shown, last = asked.cut(list(islice(entries, asked.limit + 1)))
    more = str(last.seq) if last else None
    return Answer(wire.Entries.model_construct(entries=[wire.EntryTold.of(entry) for entry in shown], next=more))


def verify_audit(call: Call) -> Answer:
    call.require(Verb.VIEW, part(call.params["workspace"], "audit"))
    return Answer(reports.audit_told(call.service.registry(call.params["workspace"]).verify_audit()))


def verify(call: Call) -> Answer:
    call.require(Verb.VIEW, part(call.params["workspace"], "verification"))
    return Answer(reports.verification_told(call.service.registry(call.params["workspace"]).verify()))


def anchor(call: Call) -> Answer:
    call.require(Verb.VIEW, part(call.params["workspace"], "anchor"))
    return Answer(wire.AnchorTold(anchor=call.service.registry(call.params["workspace"]).anchor().line))


def check_anchor(call: Call) -> Answer:
    call.require(Verb.VIEW, part(call.params["workspace"], "anchor"))
    registry = call.service.registry(call.params["workspace"])
    try:
        registry.check_anchor(Anchor.parse(call.body.anchor))
    except (AnchorTampered, StoreRolledBack, AuditChainBroken) as exc:
        return Answer(wire.AnchorChecked(problem=fault_of(exc)))
    return Answer(wire.AnchorChecked(problem=None))


_ONE = "/api/v1/workspaces/{workspace}"
_TAGS = ("audit",)

ROUTES: tuple[Route, ...] = (
    Route(
        method="GET",
        path=f"{_ONE}/audit",
        handler=read_audit,
        summary="Read the audit, the newest entries first.",
        description="Asks for `view` of `WORKSPACE/:audit`.",
        query=Entries,
        answer=wire.Entries,
        tags=_TAGS,
        errors=(404,),
    ),
    Route(
        method="GET",
        path=f"{_ONE}/audit/verification",
        handler=verify_audit,
        summary="Check the whole chain of the audit.",
        description="Asks for `view` of `WORKSPACE/:audit`.",
        answer=wire.AuditTold,
        tags=_TAGS,
        errors=(404,),
    ),
    Route(
        method="GET",
        path=f"{_ONE}/verification",
        handler=verify,
        summary="Open every version there is, and name each row that is not as it was left. Reveals nothing.",
        description="Asks for `view` of `WORKSPACE/:verification`.",
        answer=wire.VerificationTold,
        tags=_TAGS,
        errors=(404,),
    ),
    Route(
        method="GET",
        path=f"{_ONE}/anchor",
        handler=anchor,
        summary="Tell where the workspace stands, as an anchor to keep elsewhere.",
        description="Asks for `view` of `WORKSPACE/:anchor`.",
        answer=wire.AnchorTold,
        tags=_TAGS,
        errors=(404,),
    ),
    Route(
        method="POST",
        path=f"{_ONE}/anchor/check",
        handler=check_anchor,
        summary="Hold the workspace against an anchor of it.",
        description="Asks for `view` of `WORKSPACE/:anchor`. What the anchor shows is a part of the answer, no error.",
        body=wire.AnchorLine,
        answer=wire.AnchorChecked,
        records="check-anchor",
        tags=_TAGS,
        errors=(404,),
    ),
)
