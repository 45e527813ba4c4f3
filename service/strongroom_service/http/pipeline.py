"""What a request goes through in its thread: who asks, what is asked, the handler, the audit, the answer."""

from __future__ import annotations

import json
import logging
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

from pydantic import BaseModel, ValidationError
from strongroom_registry.acting import Owed, acting, settle
from strongroom_registry.audit import DONE
from strongroom_registry.document import Reference
from strongroom_registry.errors import AuditUnavailable, IntegrityError, RegistryRefusal, StoreProblem, StrongroomError

from strongroom_service.errors import InvalidRequest, ServiceRefusal, TooManyRequests, Unauthenticated
from strongroom_service.http.body import as_json
from strongroom_service.http.call import Answer, Call
from strongroom_service.http.errors import code_of, headers_of, misunderstood, shape_of, status_of
from strongroom_service.http.exchange import Incoming, Outgoing
from strongroom_service.http.queries import parsed_query
from strongroom_service.http.route import Route
from strongroom_service.http.settling import Settling
from strongroom_service.identity.caller import ANONYMOUS, Caller
from strongroom_service.service import Service, note_of
from strongroom_service.waiting import HasToWait

_log = logging.getLogger("strongroom.service")

JSON = "application/json"
READS = frozenset({"GET", "HEAD", "LIST"})


class Gate(Protocol):
    """Looks at a request before its token is looked at."""

    def admit(self, incoming: Incoming) -> None:
        """Raise to refuse it."""

    def turned_away(self, incoming: Incoming) -> None:
        """It had no token that counts. Raise to refuse it in another way."""


Stage = Callable[[Call, Route, Callable[[], Answer]], Answer]
"""Stands around a handler: calls what it is given, once or not at all, and answers."""


class InternalError(StrongroomError):
    """Something that nobody foresaw. Its text stays in the server's log."""


@dataclass(slots=True)
class Worked:
    """What became of a request.

    :param error: the code of the error that the answer tells of, empty where it does not.
    :param owed: the entries of the audit that have to be written before the answer is sent.
    """

    incoming: Incoming
    outgoing: Outgoing
    error: str = ""
    owed: list[Owed] = field(default_factory=list)


class Pipeline:
    """Answers requests, each in one call.

    :param gates: asked before the token is, in order.
    :param stages: stand around each handler, the first outermost.
    """

    def __init__(self, service: Service, *, gates: Sequence[Gate] = (), stages: Sequence[Stage] = ()) -> None:
        self._service = service
        self._gates = gates
        self._reversed_stages = tuple(reversed(stages))
        self._settling = Settling()

    def work(self, incoming: Incoming) -> Worked:
        """Do what is asked. The answer may be sent when :meth:`settle` has written what is owed.

        :raises HasToWait: it takes a wait, and the request may not; nothing was done.
        """
        owed: list[Owed] = []
        try:
            return Worked(incoming, self._answered(incoming, owed), owed=owed)
        except StrongroomError as error:
            return _refused(incoming, error, owed)
        except HasToWait:
            raise
        except Exception as error:
            _log.error("request %s failed", incoming.id, exc_info=_without_values(error))
            hidden = InternalError("The service made a mistake.", "Its log tells more of this request.")
            return _refused(incoming, hidden, owed)

    def work_alone(self, incoming: Incoming) -> Worked:
        """Do what a request asks, and write what it owes."""
        worked = self.work(incoming)
        self.settle([worked])
        return worked

    def work_together(self, requests: Sequence[Incoming], *, may_wait: bool = True) -> list[Worked | None]:
        """Do what several requests ask that came at the same time and wait for little, and write what they owe. Who may
        do what is looked at once for all of them.

        :param may_wait: else None is in the place of each that would have to wait, and is to be worked on elsewhere.
        """
        with self._service.one_moment(), self._ahead(requests):
            work: Callable[[Incoming], Worked | None] = self.work if may_wait else self.try_work
            batch = [work(incoming) for incoming in requests]
        self.settle([worked for worked in batch if worked is not None])
        return batch

    def try_work(self, incoming: Incoming) -> Worked | None:
        """:meth:`work`, but None for what would have to wait, and is to be worked on where it may."""
        if self._names_closed_workspace(incoming):
            return None
        incoming.may_wait = False
        try:
            return self.work(incoming)
        except HasToWait:
            incoming.may_wait = incoming.is_again = True
            return None

    def _names_closed_workspace(self, incoming: Incoming) -> bool:
        """Whether whoever works on it has to open a workspace, for its audit if not for what is asked: that can take a
        journey to where its key is."""
        for name, value in zip(incoming.route.parameters, incoming.values, strict=True):
            if name == "workspace":
                return not self._service.workspaces.is_opened(value)
        return False

    @contextmanager
    def _ahead(self, requests: Sequence[Incoming]) -> Iterator[None]:
        """Read together what requests will read one by one. Where that fails, each of them says so."""
        with suppress(Exception):
            self._service.tokens.look_ahead({incoming.token for incoming in requests if incoming.token})
        workspaces: defaultdict[str, set[Reference]] = defaultdict(set)
        for incoming in requests:
            loads = incoming.route.loads
            meant = loads(incoming.values, incoming.query) if loads else None
            if meant is not None and self._service.workspaces.is_opened(meant[0]):
                workspaces[meant[0]].add(meant[1])
        with ExitStack() as stack:
            for workspace, references in workspaces.items():
                with suppress(Exception):
                    stack.enter_context(self._service.registry(workspace).ahead(references))
            yield

    def settle(self, batch: Sequence[Worked]) -> None:
        """Write what requests owe to the audit, in one transaction. Where that cannot be done, those that owe something
        are answered so, whatever the status of their answers: one of 400 can hold what some of a batch came to."""
        try:
            self._settling.settle(owed for worked in batch for owed in worked.owed)
        except Exception as error:
            self._fail(batch, error)

    def settle_at_once(self, batch: Sequence[Worked]) -> bool:
        """:meth:`settle`, if nobody has to be waited for but the disk; else whether that was so, and what is still
        owed is left to :meth:`settle`."""
        try:
            left = settle((owed for worked in batch for owed in worked.owed), at_once=True)
        except Exception as error:
            self._fail(batch, error)
            return True
        if left:
            still = {id(owed) for owed in left}
            for worked in batch:
                worked.owed = [owed for owed in worked.owed if id(owed) in still]
        return not left

    def _fail(self, batch: Sequence[Worked], error: Exception) -> None:
        _log.error("the audit cannot be written", exc_info=_without_values(error))
        for worked in batch:
            if worked.owed and not worked.error:
                problem, remedy = "The audit cannot be written, so nothing is answered.", "Try again later."
                refused = _refused(worked.incoming, AuditUnavailable(problem, remedy), [])
                worked.outgoing, worked.error = refused.outgoing, refused.error

    def _answered(self, incoming: Incoming, owed: list[Owed]) -> Outgoing:
        try:
            incoming.caller = self._admitted(incoming)
            with acting(incoming.caller.actor, note_of(incoming.caller), owing=owed):
                call = self._call(incoming)
                answer = self._handled(call, incoming.route)
        except TooManyRequests:  # or whoever asks too often could fill the audit
            raise
        except ServiceRefusal as error:
            self._record_refusal(incoming, error, owed)
            raise
        except (RegistryRefusal, IntegrityError) as error:
            if _action(incoming.route):  # else the registry has written it
                self._record_refusal(incoming, error, owed)
            raise
        action = _action(incoming.route)
        if action:
            self._record(incoming, action, DONE, "", owed)
        return _outgoing(incoming.route, answer)

    def _admitted(self, incoming: Incoming) -> Caller:
        for gate in self._gates:
            gate.admit(incoming)
        try:
            return self._caller(incoming)
        except Unauthenticated:
            for gate in self._gates:
                gate.turned_away(incoming)
            if not incoming.route.is_open:
                raise
            return self._stranger(incoming)

    def _caller(self, incoming: Incoming) -> Caller:
        if incoming.token:
            return self._service.tokens.authenticate(
                incoming.token, incoming.address, request_id=incoming.id, may_wait=incoming.may_wait
            )
        if incoming.route.is_open:
            return self._stranger(incoming)
        raise Unauthenticated("The request has no token.", "Send it as `Authorization: Bearer …`.", why="no token")

    def _stranger(self, incoming: Incoming) -> Caller:
        return Caller(ANONYMOUS.identity, address=incoming.address, request_id=incoming.id)

    def _call(self, incoming: Incoming) -> Call:
        route = incoming.route
        return Call(
            service=self._service,
            caller=incoming.caller,
            method=incoming.method,
            path=incoming.path,
            params=dict(zip(route.parameters, incoming.values, strict=True)),
            query=parsed_query(route, incoming.query),
            body=self._body(route, incoming),
            raw_body=incoming.body,
            headers=incoming.headers,
            may_wait=incoming.may_wait,
            is_again=incoming.is_again,
        )

    def _body(self, route: Route, incoming: Incoming) -> Any:
        depth, raw = self._service.settings.max_depth, incoming.body
        if route.vault:
            return as_json(raw, depth) if raw else {}
        if route.body is None:
            return None
        if not raw and incoming.method == "PUT":  # what replaces something is not to replace it by nothing
            raise InvalidRequest("The request has no body.", "Send what is to be there, as JSON.")
        try:
            return route.body.model_validate(as_json(raw, depth) if raw else {})
        except ValidationError as error:
            raise misunderstood(error, "body") from None

    def _handled(self, call: Call, route: Route) -> Answer:
        proceed = partial(route.handler, call)
        for stage in self._reversed_stages:
            proceed = partial(stage, call, route, proceed)
        return proceed()

    def _record(self, incoming: Incoming, action: str, outcome: str, message: str, owed: list[Owed]) -> None:
        values = dict(zip(incoming.route.parameters, incoming.values, strict=True))
        workspace = values.get("workspace")
        name = incoming.path.removeprefix("/api/v1")
        if workspace is not None:
            name = values.get("name") or name.removeprefix(f"/workspaces/{workspace}/")
        caller = incoming.caller
        if not caller.request_id:
            caller = Caller(caller.identity, address=incoming.address, request_id=incoming.id)
        self._service.record(caller, action, outcome, name, workspace=workspace, message=message, owing=owed)

    def _record_refusal(self, incoming: Incoming, error: StrongroomError, owed: list[Owed]) -> None:
        """Where it cannot be recorded it is refused all the same."""
        if getattr(error, "is_recorded", False):
            return
        action = _action(incoming.route) or incoming.method.lower()
        why = error.why if isinstance(error, Unauthenticated) else ""
        try:
            self._record(incoming, action, type(error).__name__, why, owed)
        except (StoreProblem, IntegrityError):
            _log.warning("a refusal could not be recorded: request %s", incoming.id)


def _refused(incoming: Incoming, error: StrongroomError, owed: list[Owed]) -> Worked:
    return Worked(incoming, failed(error, incoming.route.vault, incoming.id), code_of(error), owed)


def failed(error: StrongroomError, is_vault: bool, request_id: str) -> Outgoing:
    """The answer that tells of an error."""
    if is_vault:
        from strongroom_service.vault_api.envelope import failure

        return failure(error, request_id)
    body = shape_of(error, request_id).model_dump_json().encode()
    return Outgoing(status_of(error), {"content-type": JSON, **headers_of(error)}, body)


def _action(route: Route) -> str:
    if route.records is not None:
        return route.records
    return "view" if route.method in READS else ""


def _outgoing(route: Route, answer: Answer) -> Outgoing:
    status = answer.status or route.status
    headers = {name.lower(): value for name, value in answer.headers.items()}
    if answer.events is not None:
        return Outgoing(status, {"content-type": "text/event-stream", **headers}, events=answer.events)
    if answer.content is not None:
        return Outgoing(status, {"content-type": answer.media_type, **headers}, answer.content)
    if answer.value is None:
        return Outgoing(status, headers)
    return Outgoing(status, {"content-type": JSON, **headers}, _json(answer.value))


def _json(value: Any) -> bytes:
    if isinstance(value, BaseModel):
        return value.model_dump_json(by_alias=True).encode()
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _without_values(error: Exception) -> tuple[type[Exception], Exception, Any]:
    """The traceback of an error, with the name of its class in the place of its text, which may quote what was sent."""
    return RuntimeError, RuntimeError(type(error).__name__), error.__traceback__
