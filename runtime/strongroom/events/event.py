"""One event."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from strongroom.clock import now
from strongroom.errors import InvalidEvent

_ID = ("strongroom.resource.id", "prefect.resource.id")
_ROLE = ("strongroom.resource.role", "prefect.resource.role")


class Resource(dict[str, str]):
    """What an event is about: labels, one of which is ``strongroom.resource.id`` (``prefect.resource.id`` does too)."""

    @property
    def id(self) -> str:
        """What names it."""
        return next(self[label] for label in _ID if label in self)


class RelatedResource(Resource):
    """What an event has to do with, and ``strongroom.resource.role`` says how."""

    @property
    def role(self) -> str:
        """What it is to the event."""
        return next((self[label] for label in _ROLE if label in self), "")


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened.

    :param event: its name, in words with dots between.
    :param resource: what it is about.
    :param occurred: when it happened, aware.
    :param related: what else it has to do with.
    :param payload: more about it, as JSON can carry it.
    :param follows: the id of the event that came before it.

    ``flow_run_id`` and ``task_run_id`` are the run that told it. Raises :class:`~strongroom.errors.InvalidEvent`.
    """

    event: str
    resource: Resource
    occurred: datetime = field(default_factory=now)
    related: tuple[RelatedResource, ...] = ()
    payload: dict[str, Any] = field(default_factory=dict)
    id: UUID = field(default_factory=uuid4)
    follows: UUID | None = None
    flow_run_id: UUID | None = None
    task_run_id: UUID | None = None

    def __post_init__(self) -> None:
        if not self.event:
            raise InvalidEvent("An event has no name.", 'Give it one: "orders.loaded".')
        for resource in (self.resource, *self.related):
            if not any(resource.get(label) for label in _ID):
                raise InvalidEvent(
                    f"A resource of the event {self.event!r} has no id.", 'Give it one: {"strongroom.resource.id": …}.'
                )
