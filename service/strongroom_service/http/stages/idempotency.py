"""Requests that can be sent again without being done again: the header ``Idempotency-Key``.

Who gets no answer does not know whether his request was done. With a key he sends it again: what was done is answered
as it was the first time. Answers are kept sealed, for a day, for the token that asked.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import secrets
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict
from strongroom_registry.audit import DONE
from strongroom_registry.errors import IntegrityError

from strongroom_service.allowance import keeper_of
from strongroom_service.errors import Conflict, IdempotencyKeyReused, InvalidRequest, RequestInProgress
from strongroom_service.http.call import Answer, Call
from strongroom_service.http.route import Route

if TYPE_CHECKING:
    from strongroom_service.service import Service

HEADER = "idempotency-key"
REPLAYED = "Idempotency-Replayed"
KIND = "idempotency"
KEPT = timedelta(hours=24)
RUNNING = timedelta(minutes=5)
"""How long a request is believed to be worked on; if its process died, the next one of its key is done."""
ANSWER_MAX = 1024 * 1024
_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_METHODS = frozenset({"POST", "PUT", "DELETE", "PATCH"})
_TIDIED = 1000


class Stored(BaseModel):
    """A request of a key, and its answer once there is one.

    :param fingerprint: a hash of method, path, query and body.
    :param runner: who works on it.
    :param is_kept: whether the answer was small enough to be kept.
    :param keeper: whom it is counted to.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    fingerprint: str
    runner: str
    started: datetime
    is_done: bool = False
    is_kept: bool = True
    status: int | None = None
    headers: dict[str, str] = {}
    value: str | None = None
    content: str | None = None
    media_type: str = ""
    keeper: str = ""

    @property
    def size(self) -> int:
        """The bytes of the answer."""
        return len((self.value or self.content or "").encode())


def idempotent(call: Call, route: Route, proceed: Callable[[], Answer]) -> Answer:
    """A stage of the pipeline: does what a key asks for once.

    :raises InvalidRequest: the key is none, or the route takes none.
    :raises IdempotencyKeyReused: the caller used the key for another request.
    :raises RequestInProgress: the first request of the key is being worked on.
    :raises TooManyRequests: as many answers are kept for the caller as may be; nothing was done.
    """
    key = call.headers.get(HEADER)
    if key is None or route.vault:
        return proceed()
    if not _KEY.fullmatch(key):
        raise InvalidRequest("The idempotency key is none.", "Send 1 to 255 visible characters of ASCII, at random.")
    if call.method not in _METHODS or route.is_open or not call.caller.accessor:
        raise InvalidRequest(
            "This request takes no idempotency key.", "Only requests that change something with a token do."
        )
    return _Once(call, key).answer(proceed)


def tidy(service: Service) -> int:
    """Remove the answers that are kept no longer; how many."""
    with service.records.changing() as session:
        over = session.ids(KIND, expired=True, limit=_TIDIED)
        for id in over:
            with suppress(IntegrityError, ValueError):  # one that cannot be read stops nothing
                if (stored := session.get(KIND, id, Stored)) is not None:
                    service.allowance.change(session, stored.keeper, -1, -stored.size)
            session.remove(KIND, id)
        return len(over)


class _Once:
    """One request with a key."""

    def __init__(self, call: Call, key: str) -> None:
        self._call = call
        self._records = call.service.records
        name = f"idempotency {call.caller.accessor} {key}".encode()
        self._id = self._records.name(name)
        self._former_ids = tuple(self._records.former_names(name))
        self._fingerprint = _fingerprint(call)
        self._runner = secrets.token_hex(8)
        self._keeper = keeper_of(call.caller)
        self._allowance = call.service.allowance

    def answer(self, proceed: Callable[[], Answer]) -> Answer:
        stored = self._begin()
        if stored is not None:
            call = self._call
            call.service.record(call.caller, "replay", DONE, call.path, workspace=call.params.get("workspace"))
            return _again(stored)
        try:
            answer = proceed()
            stored = self._stored(answer)
        except BaseException:
            self._end(None)
            raise
        self._end(stored)
        return answer

    def _begin(self) -> Stored | None:
        """The answer of the key; None where this request is the one to be done."""
        with self._records.changing() as session:
            now = session.now()
            ids = (self._id, *self._former_ids)
            found = next((one for id in ids if (one := session.get(KIND, id, Stored))), None)
            if found is not None and now < found.started + KEPT:
                if found.fingerprint != self._fingerprint:
                    raise IdempotencyKeyReused(
                        "The idempotency key belongs to another request.", "Make up a new key for each request."
                    )
                if found.is_done:
                    return found
                if now < found.started + RUNNING:
                    raise RequestInProgress(
                        "The first request of this idempotency key is being worked on.", "Try again in a second."
                    )
            there = session.get(KIND, self._id, Stored)
            if there is None:
                self._allowance.take(session, self._keeper)
            else:  # of a process that died, or of yesterday
                self._allowance.change(session, self._keeper, 0, -there.size)
            running = Stored(fingerprint=self._fingerprint, runner=self._runner, started=now, keeper=self._keeper)
            session.put(KIND, self._id, running, expires=now + RUNNING)
            return None

    def _end(self, done: Stored | None) -> None:
        """Keep the answer; without one, let the next request be done: this one did nothing."""
        with self._records.changing() as session:
            found = session.get(KIND, self._id, Stored)
            if found is None or found.runner != self._runner:
                return
            if done is None:
                session.remove(KIND, self._id)
                self._allowance.change(session, self._keeper, -1, 0)
            else:
                if not self._allowance.has_room(session, self._keeper, done.size):
                    done = done.model_copy(update={"is_kept": False, "value": None, "content": None})
                self._allowance.change(session, self._keeper, 0, done.size)
                kept = done.model_copy(update={"started": found.started})
                session.put(KIND, self._id, kept, expires=found.started + KEPT)

    def _stored(self, answer: Answer) -> Stored:
        value = answer.value
        text = value.model_dump_json(by_alias=True) if isinstance(value, BaseModel) else _json(value)
        content = None if answer.content is None else base64.b64encode(answer.content).decode()
        is_kept = answer.events is None and len(text or content or "") <= ANSWER_MAX
        return Stored(
            fingerprint=self._fingerprint,
            runner=self._runner,
            started=datetime.min.replace(tzinfo=UTC),
            keeper=self._keeper,
            is_done=True,
            is_kept=is_kept,
            status=answer.status,
            headers=answer.headers,
            value=text if is_kept else None,
            content=content if is_kept else None,
            media_type=answer.media_type,
        )


def _again(stored: Stored) -> Answer:
    if not stored.is_kept:
        raise Conflict(
            "The request of this idempotency key was done, and its answer was too large to be kept, or one too many.",
            "Ask for what you need of it.",
        )
    return Answer(
        None if stored.value is None else json.loads(stored.value),
        status=stored.status,
        headers={**stored.headers, REPLAYED: "true"},
        content=None if stored.content is None else base64.b64decode(stored.content),
        media_type=stored.media_type,
    )


def _fingerprint(call: Call) -> str:
    query = "" if call.query is None else call.query.model_dump_json()
    relevant = {name: call.headers.get(name, "") for name in ("if-match", "if-none-match", "strongroom-wrap-ttl")}
    head = json.dumps([call.method, call.path, query, relevant], sort_keys=True).encode()
    return hashlib.sha256(hashlib.sha256(head).digest() + hashlib.sha256(call.raw_body).digest()).hexdigest()


def _json(value: Any) -> str | None:
    return None if value is None else json.dumps(value, ensure_ascii=False, separators=(",", ":"))
