"""A change that needs a second person is kept, and its requester told by what id it waits."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from pydantic import BaseModel, Field

from strongroom_service.approvals.protections import ApprovalNeeded, Demand
from strongroom_service.approvals.waiting import Requester, Waiting
from strongroom_service.errors import Forbidden, RequestTooLarge
from strongroom_service.http.call import Answer, Call
from strongroom_service.http.route import Route
from strongroom_service.identity.token_record import KIND as TOKEN
from strongroom_service.identity.token_record import TokenRecord

BODY_MAX = 16 * 1024 * 1024
"""The largest body that is kept."""
NOTE_MAX = 500
_HEADERS = ("if-match", "if-none-match", "content-type")


class AskedForApproval(BaseModel):
    """A change that waits for a second person. It is not done yet."""

    approval: str = Field(description="The id that it waits by.")
    state: str
    needed: int = Field(description="How many others have to approve it.")
    expires: datetime = Field(description="When it is dropped.")


def asks_for_approval(call: Call, route: Route, proceed: Callable[[], Answer]) -> Answer:
    """A stage of the pipeline: keeps what is protected, and answers 202.

    :raises RequestTooLarge: the change is too large to be kept.
    :raises Conflict: too many changes of the requester wait.
    :raises Forbidden: in the place of 202, which clients of Vault do not know; the change is kept all the same.
    """
    try:
        return proceed()
    except ApprovalNeeded as needed:
        return _kept(call, route, needed.demand)


def _kept(call: Call, route: Route, demand: Demand) -> Answer:
    if len(call.raw_body) > BODY_MAX:
        raise RequestTooLarge(
            f"The change has {len(call.raw_body)} bytes, and {BODY_MAX} can wait for approval.", "Make it smaller."
        )
    query = _query(call.query)
    fingerprint = call.service.records.name(_fingerprint(call, query))
    accessor = call.caller.accessor
    token = call.service.records.get(TOKEN, accessor, TokenRecord) if accessor else None
    requester = Requester.of(call.caller, token)
    id, waiting = call.service.approvals.ask(lambda now: _waiting(call, demand, requester, query, fingerprint, now))
    workspace, message = demand.resource.workspace, f"{demand.verb} approval {id}"
    call.service.record(call.caller, "ask", name=str(demand.resource), workspace=workspace, message=message)
    if route.vault:
        refusal = Forbidden(
            f"The change waits for approval as {id}.", "Have somebody approve it: `strongroom approval`."
        )
        refusal.is_recorded = True
        raise refusal
    told = AskedForApproval(approval=id, state=waiting.state, needed=waiting.needed, expires=waiting.expires)
    return Answer(told, status=202, headers={"Location": f"/api/v1/approvals/{id}"})


def _waiting(call: Call, demand: Demand, requester: Requester, query: str, fingerprint: str, now: datetime) -> Waiting:
    return Waiting(
        fingerprint=fingerprint,
        protections=demand.protections,
        needed=demand.approvals,
        approvers=demand.approvers,
        verb=demand.verb,
        resource=str(demand.resource),
        requester=requester,
        method=call.method,
        path=call.path,
        query=query,
        headers={name: call.headers[name] for name in _HEADERS if name in call.headers},
        body=base64.b64encode(call.raw_body).decode(),
        size=len(call.raw_body),
        note=_note(call.body),
        created=now,
        expires=now + demand.ttl,
    )


def _query(query: Any) -> str:
    if isinstance(query, BaseModel):
        query = query.model_dump(mode="json", by_alias=True, exclude_unset=True)
    said = {name: str(value).lower() if isinstance(value, bool) else value for name, value in (query or {}).items()}
    return urlencode({name: value for name, value in said.items() if value is not None})


def _note(body: Any) -> str:
    """The message that the requester gave for others to read."""
    message = body.get("message") if isinstance(body, Mapping) else getattr(body, "message", None)
    return message[:NOTE_MAX] if isinstance(message, str) else ""


def _fingerprint(call: Call, query: str) -> bytes:
    conditions = [call.headers.get(name, "") for name in _HEADERS]
    head = json.dumps(["approval", call.caller.identity, call.method, call.path, query, conditions]).encode()
    return hashlib.sha256(head).digest() + hashlib.sha256(call.raw_body).digest()
