"""``/api/v1/workspaces/{workspace}/keys``: who wraps the workspace's keys, and giving it new ones."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from datetime import timedelta
from threading import Thread

from strongroom_registry import Registry
from strongroom_registry.acting import acting
from strongroom_registry.errors import StrongroomError
from strongroom_registry.remote import reports, wire
from strongroom_registry.remote.problems import fault_of
from strongroom_registry.remote.wire import HEARTBEAT_SECONDS
from strongroom_registry.rotation import Progress

from strongroom_service.api.event_stream import HEARTBEAT, event
from strongroom_service.http.call import Answer, Call
from strongroom_service.http.route import Route
from strongroom_service.identity.caller import Caller
from strongroom_service.policies.resource import part
from strongroom_service.policies.verbs import Verb
from strongroom_service.service import note_of

_log = logging.getLogger("strongroom.service")


def list_keys(call: Call) -> Answer:
    call.require(Verb.VIEW, part(call.params["workspace"], "keys"))
    wraps = call.service.registry(call.params["workspace"]).keys()
    return Answer(wire.Wraps(keys=list(map(reports.wrap_told, wraps))))


def check_keys(call: Call) -> Answer:
    call.require(Verb.VIEW, part(call.params["workspace"], "keys"))
    return Answer(reports.keys_told(call.service.registry(call.params["workspace"]).check_keys()))


def rotate(call: Call) -> Answer:
    call.require(Verb.ROTATE, part(call.params["workspace"], "keys"))
    rotation = _Rotation(call.service.registry(call.params["workspace"]), call.body, call.caller)
    return Answer(events=rotation.events())


class _Rotation:
    """A rotation in a thread of its own, which goes on when nobody listens any more."""

    def __init__(self, registry: Registry, order: wire.RotationOrder, caller: Caller) -> None:
        self._registry = registry
        self._order = order
        self._caller = caller
        self._told: asyncio.Queue[str | None] = asyncio.Queue()

    async def events(self) -> AsyncIterator[str]:
        loop = asyncio.get_running_loop()
        Thread(target=self._run, args=(loop,), name="strongroom-rotation", daemon=True).start()
        while True:
            try:
                text = await asyncio.wait_for(self._told.get(), HEARTBEAT_SECONDS)
            except TimeoutError:
                text = HEARTBEAT
            if text is None:
                return
            yield text

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        def tell(text: str | None) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(self._told.put_nowait, text)

        def progress(done: Progress) -> None:
            told = wire.ProgressTold(epoch=done.epoch, done=done.done, total=done.total)
            tell(event("progress", told.model_dump_json()))

        seconds = self._order.older_than_seconds
        older_than = None if seconds is None else timedelta(seconds=seconds)
        try:
            with acting(self._caller.actor, note_of(self._caller)):
                report = self._registry.rotate(self._order.level, older_than=older_than, progress=progress)
            tell(event("report", reports.rotation_told(report).model_dump_json()))
        except StrongroomError as exc:
            tell(event("error", fault_of(exc).model_dump_json()))
        except Exception as exc:
            _log.error("a rotation failed: %s", type(exc).__name__)
            unforeseen = wire.Fault(code="internal_error", message="The service made a mistake.")
            tell(event("error", unforeseen.model_dump_json()))
        tell(None)


_ONE = "/api/v1/workspaces/{workspace}/keys"
_TAGS = ("keys",)

ROUTES: tuple[Route, ...] = (
    Route(
        method="GET",
        path=_ONE,
        handler=list_keys,
        summary="List the wraps of the workspace's keys, the newest epoch first.",
        description="Asks for `view` of `WORKSPACE/:keys`.",
        answer=wire.Wraps,
        tags=_TAGS,
        errors=(404,),
    ),
    Route(
        method="GET",
        path=f"{_ONE}/check",
        handler=check_keys,
        summary="Try every wrap of the current key, and count what still uses an older one.",
        description="Asks for `view` of `WORKSPACE/:keys`.",
        answer=wire.KeysChecked,
        tags=_TAGS,
        errors=(404,),
    ),
    Route(
        method="POST",
        path=f"{_ONE}/rotation",
        handler=rotate,
        summary="Give the workspace a new key while it is used, and tell of the progress as server-sent events.",
        description="Asks for `rotate` on `WORKSPACE/:keys`. Events are `progress`, and at the end `report` or "
        "`error`; each has JSON as its data. A rotation goes on when nobody listens any more.",
        body=wire.RotationOrder,
        content="text/event-stream",
        tags=_TAGS,
        errors=(404,),
    ),
)
