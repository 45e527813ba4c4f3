"""Telling events, which the ledger keeps until somebody removes them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from strongroom_blocks.redaction import redactor

from strongroom.clock import now
from strongroom.context import FlowRunContext, TaskRunContext
from strongroom.errors import InvalidEvent
from strongroom.events.event import Event, RelatedResource, Resource
from strongroom.ledger import current_ledger

LARGEST = 1_500_000
"""How many characters of JSON an event may have."""
_INSERT = """
    INSERT INTO events (id, event, occurred, resource, related, payload, follows, flow_run_id, task_run_id)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_SELECT = """
    SELECT id, event, occurred, resource, related, payload, follows, flow_run_id, task_run_id FROM events
    WHERE substr(event, 1, ?) = ? AND occurred >= ? ORDER BY occurred DESC, id LIMIT ?
"""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def emit_event(
    event: str,
    resource: Mapping[str, str],
    occurred: datetime | None = None,
    related: Iterable[Mapping[str, str]] | None = None,
    payload: Mapping[str, Any] | None = None,
    id: UUID | None = None,
    follows: Event | None = None,
) -> Event:
    """Keep an event in the ledger, with the run that the calling code is part of; secrets in it are masked.

    The parameters are those of :class:`~strongroom.events.Event`. Raises :class:`~strongroom.errors.InvalidEvent`, and
    LedgerUnavailable.
    """
    flow, task = FlowRunContext.get(), TaskRunContext.get()
    told = Event(
        redactor.redact(event),
        Resource(redactor.redact_value(dict(resource))),
        now() if occurred is None else occurred,
        tuple(RelatedResource(redactor.redact_value(dict(each))) for each in related or ()),
        redactor.redact_value(dict(payload or {})),
        uuid4() if id is None else id,
        None if follows is None else follows.id,
        None if flow is None else flow.id,
        None if task is None else task.id,
    )
    _keep(told)
    return told


def list_events(prefix: str = "", *, since: datetime | None = None, limit: int = 200) -> list[Event]:
    """Events whose names start like this, from a time on, newest first."""
    with current_ledger().reading() as session:
        rows = session.execute(
            _SELECT,
            *(len(prefix), prefix, 0 if since is None else _micros(since), limit),
        )
    return [_event(row) for row in rows]


def delete_events(before: datetime) -> int:
    """Remove the events from before a time; returns how many those were."""
    with current_ledger().changing() as session:
        return len(session.execute("DELETE FROM events WHERE occurred < ? RETURNING id", _micros(before)))


def _keep(event: Event) -> None:
    try:
        texts = [json.dumps(part) for part in (event.resource, event.related, event.payload)]
    except (TypeError, ValueError):
        raise InvalidEvent(f"The event {event.event!r} is no JSON.", "Leave out what JSON cannot carry.") from None
    if sum(map(len, texts)) > LARGEST:
        raise InvalidEvent(f"The event {event.event!r} is longer than {LARGEST:,} characters.", "Say less.")
    ids = (None if each is None else str(each) for each in (event.follows, event.flow_run_id, event.task_run_id))
    with current_ledger().changing() as session:
        session.execute(
            _INSERT,
            *(str(event.id), event.event, _micros(event.occurred), *texts, *ids),
        )


def _micros(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)


def _event(row: tuple[Any, ...]) -> Event:
    id_, name, occurred, resource, related, payload, *ids = row
    return Event(
        name,
        Resource(json.loads(resource)),
        _EPOCH + timedelta(microseconds=occurred),
        tuple(RelatedResource(each) for each in json.loads(related)),
        json.loads(payload),
        UUID(id_),
        *(None if each is None else UUID(each) for each in ids),
    )
