"""An approved change is carried out: as its requester, whose name and whose approvers' stand in the audit, once."""

from __future__ import annotations

import asyncio
import base64
import json
import secrets
from collections.abc import AsyncIterator
from datetime import datetime

from strongroom_registry import Registry
from strongroom_registry.audit import DONE, AuditEntry

from strongroom_service.approvals.protections import Approved, carrying_out
from strongroom_service.approvals.waiting import Outcome, Waiting
from strongroom_service.http.exchange import Incoming
from strongroom_service.http.pipeline import Pipeline
from strongroom_service.http.route import RouteTree
from strongroom_service.identity.caller import Caller
from strongroom_service.identity.standings import Standings
from strongroom_service.identity.token_record import KIND as TOKEN
from strongroom_service.identity.token_record import End, TokenRecord
from strongroom_service.service import Service


class CarryingOut:
    """Carries changes out over the routes that they were asked for by."""

    def __init__(self, service: Service, routes: RouteTree) -> None:
        self._service = service
        self._routes = routes

    def carry_out(self, id: str, waiting: Waiting) -> Waiting:
        """Carry a change out that this process has claimed; how it is now.

        If a process died over it before, the audit knows whether it was done.
        """
        if self._is_done(id, waiting):
            outcome = Outcome(status=200)
        else:
            outcome = self._answered(id, waiting)
        return self._service.approvals.finish(id, waiting, outcome)

    def _answered(self, id: str, waiting: Waiting) -> Outcome:
        request_id = secrets.token_hex(8)
        requester = self._requester(waiting, f"{request_id} {_mark(id)} by {_by(waiting)}")
        if requester is None:
            return Outcome(status=403, code="forbidden", message="The requester's token or identity was revoked.")
        segments = tuple(waiting.path.strip("/").split("/"))
        match = self._routes.find(segments)
        if match is None or waiting.method not in match.routes:
            return Outcome(status=404, code="unknown_thing", message="Nothing answers at this path any more.")
        incoming = Incoming(
            id=request_id,
            method=waiting.method,
            path=waiting.path,
            route=match.routes[waiting.method],
            values=match.values,
            query=waiting.query.encode(),
            headers=waiting.headers,
            body=base64.b64decode(waiting.body),
            address=waiting.requester.address,
        )
        approved = Approved(waiting.thing.path, len(waiting.approvals), waiting.approvers)
        with carrying_out(approved):
            worked = _AsRequester(self._service, requester).work_alone(incoming)
        if worked.outgoing.events is not None:
            return asyncio.run(_heard_out(worked.outgoing.events))
        told = worked.error and not incoming.route.vault
        message = str(json.loads(worked.outgoing.body)["error"]["message"]) if told else ""
        return Outcome(status=worked.outgoing.status, code=worked.error, message=message)

    def _requester(self, waiting: Waiting, request_id: str) -> Caller | None:
        """The requester with the rights of now. A token that has expired meanwhile does no harm; nobody is meant any
        more by a revoked one, or one of a disabled identity."""
        kept, service = waiting.requester, self._service
        record = service.records.get(TOKEN, kept.accessor, TokenRecord) if kept.accessor else None
        record = record or kept.token
        if record is None:
            return kept.caller(request_id)
        if record.ended is End.REVOKED or service.approvals.is_revoked(kept.accessor):
            return None
        standing = Standings(service.directory, service.policies.denies).of(record.origin) if record.origin else None
        if record.origin and standing is None:
            return None
        return record.caller(kept.accessor, standing, address=kept.address, request_id=request_id)

    def _is_done(self, id: str, waiting: Waiting) -> bool:
        workspace = waiting.thing.workspace
        registry = self._service.registry(workspace) if workspace else self._service.workspaces.own
        return any(
            _is_marked(entry, id) and entry.outcome == DONE and entry.action not in ("ask", "approve")
            for entry in _since(registry, waiting.created)
        )


class _AsRequester(Pipeline):
    def __init__(self, service: Service, requester: Caller) -> None:
        super().__init__(service)
        self._requester = requester

    def _caller(self, incoming: Incoming) -> Caller:
        return self._requester


async def _heard_out(events: AsyncIterator[str]) -> Outcome:
    """What came of something that tells how far it is, which begins when somebody listens."""
    last: dict[str, str] = {}
    async for text in events:
        last = dict(line.split(": ", 1) for line in text.splitlines() if ": " in line)
    if last.get("event") != "error":
        return Outcome(status=200)
    fault = json.loads(last["data"])
    return Outcome(status=500, code=str(fault["code"]), message=str(fault["message"]))


def _since(registry: Registry, moment: datetime) -> list[AuditEntry]:
    """The entries of the audit since a moment, without reading all those before."""
    limit = 500
    while True:
        entries = list(registry.audit(limit=limit))
        if len(entries) < limit or entries[-1].at < moment:
            return [entry for entry in entries if entry.at >= moment]
        limit *= 4


def _mark(id: str) -> str:
    return f"approval {id}"


def _is_marked(entry: AuditEntry, id: str) -> bool:
    """Whether the request that an entry is of carried the change out. What people write stands before that."""
    return f" {_mark(id)} by " in entry.message.rpartition("[request ")[2]


def _by(waiting: Waiting) -> str:
    return ",".join(one.identity for one in waiting.approvals)
