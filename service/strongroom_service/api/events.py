"""``/api/v1/workspaces/{workspace}/events``: being told of changes."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing

from pydantic import BaseModel, Field
from strongroom_registry import Registry
from strongroom_registry.errors import StrongroomError
from strongroom_registry.remote.wire import HEARTBEAT_SECONDS

from strongroom_service.api.event_stream import HEARTBEAT, event
from strongroom_service.api.received import RECEIVED
from strongroom_service.http.call import Answer, Call
from strongroom_service.http.route import Route
from strongroom_service.policies.resource import part
from strongroom_service.policies.verbs import Verb
from strongroom_service.revisions import Revisions

FOLLOWED_SECONDS = 900.0
"""After so long a client asks again, and is asked again whether it may."""

_log = logging.getLogger("strongroom.service")


class Since(BaseModel):
    """What the caller knows."""

    model_config = RECEIVED

    revision: str = Field("", max_length=128, description="The last revision that was heard of.")


def follow(call: Call) -> Answer:
    workspace = call.params["workspace"]
    call.require(Verb.VIEW, part(workspace, "events"))
    registry = call.service.registry(workspace)
    known = call.headers.get("last-event-id", "") or call.query.revision
    return Answer(events=_told(registry, known, registry.revision().hex()))


async def _told(registry: Registry, known: str, now: str) -> AsyncGenerator[str, None]:
    yield _event("at" if known in ("", now) else "change", now)
    revisions = Revisions.of(registry)
    until = asyncio.get_running_loop().time() + FOLLOWED_SECONDS
    try:
        async with aclosing(revisions.after(now, HEARTBEAT_SECONDS)) as found:
            async for revision in found:
                yield HEARTBEAT if revision is None else _event("change", revision)
                if asyncio.get_running_loop().time() >= until:
                    return
    except StrongroomError as exc:  # the client asks again, and is told why
        _log.warning("the changes of a workspace cannot be followed: %s", exc.problem)


def _event(kind: str, revision: str) -> str:
    return event(kind, json.dumps({"revision": revision}), revision)


ROUTES: tuple[Route, ...] = (
    Route(
        method="GET",
        path="/api/v1/workspaces/{workspace}/events",
        handler=follow,
        summary="Be told of changes of documents, as server-sent events.",
        description="Asks for `view` of `WORKSPACE/:events`. The first event is `at`, with the revision of the "
        "workspace; or `change`, if that is not the one in `Last-Event-ID` or `revision`. Another `change` follows "
        "when documents have changed: one for as many as came together. A comment each ten seconds says that the "
        "server is there. After a quarter of an hour the stream ends, to be asked for again.",
        query=Since,
        records="",
        content="text/event-stream",
        tags=("events",),
        errors=(404,),
    ),
)
