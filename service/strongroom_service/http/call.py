"""A request as its handler sees it, and the answer that it gives."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pydantic import BaseModel
from strongroom_registry import Registry

from strongroom_service.identity.caller import Caller
from strongroom_service.policies.resource import Resource
from strongroom_service.policies.verbs import Verb
from strongroom_service.service import Service
from strongroom_service.waiting import HasToWait

M = TypeVar("M", bound=BaseModel)


@dataclass(slots=True)
class Call:
    """A request that was understood, from somebody who is known.

    :param method: in capitals; ``LIST`` of Vault's clients too.
    :param path: as it was sent, without the query, percent signs decoded.
    :param params: what stood in the path in the place of ``{name}``.
    :param query: the query as the route's model, None where it has none.
    :param body: the body as the route's model; for Vault's routes the object that was sent, empty where none was.
    :param raw_body: the bytes of the body.
    :param headers: by their names in lower case; the last of those that were sent twice.
    :param may_wait: else a handler that would have to raises :class:`~strongroom_service.waiting.HasToWait`.
    :param is_again: whether it was counted before.
    """

    service: Service
    caller: Caller
    method: str
    path: str
    params: Mapping[str, str]
    query: Any
    body: Any
    raw_body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    may_wait: bool = True
    is_again: bool = False

    def registry(self, workspace: str) -> Registry:
        """A workspace; ask a policy first. Raises UnknownWorkspace, and HasToWait where it would have to be opened."""
        if not self.may_wait and not self.service.workspaces.is_opened(workspace):
            raise HasToWait
        return self.service.registry(workspace)

    def require(self, verb: Verb, resource: Resource) -> None:
        """Let pass what the caller's policies allow; raises Forbidden, which is in the audit."""
        self.service.require(self.caller, verb, resource)


@dataclass(slots=True)
class Answer:
    """What a handler answers.

    :param value: a model or a dictionary, sent as JSON; None sends no body.
    :param status: None for that of the route.
    :param content: bytes to send as they are, in the place of a value.
    :param events: texts to send as they come; each is a whole event of ``text/event-stream``.
    """

    value: BaseModel | Mapping[str, Any] | None = None
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    content: bytes | None = field(default=None, repr=False)
    media_type: str = "application/json"
    events: AsyncIterator[str] | None = None
