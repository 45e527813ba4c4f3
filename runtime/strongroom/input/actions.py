"""What was sent to flow runs, in the ledger: values under keys, in the order in which they came, sealed at rest.

Each name works in synchronous code, and is awaited in asynchronous code (:mod:`strongroom.colours`).
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from pydantic import BaseModel, SecretBytes, SecretStr

from strongroom.colours import dual
from strongroom.context import FlowRunContext
from strongroom.errors import MissingContextError
from strongroom.ledger import Session, current_ledger
from strongroom.results.sealed_records import current_sealer, read_record, write_record


@dataclass(frozen=True, slots=True)
class FlowRunInput:
    """One value that was sent to a flow run: ``value`` is what JSON can say; ``place`` counts those of the run."""

    flow_run_id: UUID
    key: str
    value: Any = field(repr=False)
    sender: str | None = None
    place: int = 0


def receiver(flow_run_id: UUID | str | None) -> UUID:
    """The run of this id, or the one that the calling code is part of; raises MissingContextError where none is."""
    if flow_run_id is not None:
        return flow_run_id if isinstance(flow_run_id, UUID) else UUID(flow_run_id)
    flow = FlowRunContext.get()
    if flow is None:
        raise MissingContextError("No flow runs here that could have an input.", "Name one: flow_run_id=…")
    return flow.id


def plain(value: Any) -> Any:
    """``value`` as JSON has it, with secrets as they are: it is about to be sealed."""
    from pydantic_core import to_jsonable_python

    return to_jsonable_python(_revealed(value))


def _revealed(value: Any) -> Any:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, SecretBytes):
        return value.get_secret_value().decode()
    if isinstance(value, BaseModel):
        return {name: _revealed(getattr(value, name)) for name in type(value).model_fields}
    if isinstance(value, dict):
        return {key: _revealed(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_revealed(item) for item in value]
    return value


def put(flow_run_id: UUID, key: str, value: Any, sender: str | None = None) -> None:
    """Keep a value for a run, in place of one of the same key."""
    record = sealed(flow_run_id, key, value)
    with current_ledger().changing() as session:
        write(session, flow_run_id, key, record, sender)


def sealed(flow_run_id: UUID, key: str, value: Any) -> bytes:
    """What :func:`write` takes for a value."""
    return write_record(json.dumps(plain(value)).encode(), "json", None, current_sealer(), _context(flow_run_id, key))


def write(session: Session, flow_run_id: UUID, key: str, record: bytes, sender: str | None = None) -> None:
    """Keep a sealed value, as a part of a transaction."""
    run, now = str(flow_run_id), session.now()
    [(place,)] = session.execute("SELECT COALESCE(MAX(place), 0) + 1 FROM inputs WHERE flow_run_id = ?", run)
    session.execute(
        "INSERT INTO inputs (flow_run_id, key, place, sender, value, created) VALUES (?, ?, ?, ?, ?, ?) "
        "ON CONFLICT (flow_run_id, key) DO UPDATE SET place = excluded.place, sender = excluded.sender, "
        "value = excluded.value, created = excluded.created",
        *(run, key, place, sender, record, now),
    )


def get(flow_run_id: UUID, key: str) -> Any:
    """The value under a key; None where there is none. Raises a ResultProblem for one that does not open."""
    with current_ledger().reading() as session:
        found = session.execute("SELECT value FROM inputs WHERE flow_run_id = ? AND key = ?", str(flow_run_id), key)
    return _opened(flow_run_id, key, found[0][0]) if found else None


def behind(
    session: Session, flow_run_id: UUID, prefix: str, place: int, exclude: Collection[str]
) -> tuple[str, int, str | None, bytes] | None:
    """The first one behind a place whose key starts like this: its key, place, sender and sealed value."""
    rows = session.execute(
        "SELECT key, place, sender, value FROM inputs WHERE flow_run_id = ? AND place > ? ORDER BY place",
        *(str(flow_run_id), place),
    )
    start = f"{prefix}-"
    return next(((k, p, s, bytes(v)) for k, p, s, v in rows if k.startswith(start) and k not in exclude), None)


def opened(flow_run_id: UUID, found: tuple[str, int, str | None, bytes]) -> FlowRunInput:
    """What :func:`behind` found, readable."""
    key, place, sender, record = found
    return FlowRunInput(flow_run_id, key, _opened(flow_run_id, key, record), sender, place)


def _opened(flow_run_id: UUID, key: str, record: bytes) -> Any:
    return json.loads(read_record(bytes(record), current_sealer(), _context(flow_run_id, key)).body)


def _context(flow_run_id: UUID, key: str) -> bytes:
    return b"input\0" + flow_run_id.bytes + key.encode()


@dual
def create_flow_run_input(key: str, value: Any, flow_run_id: UUID | None = None, sender: str | None = None) -> None:
    """Keep ``value`` for a flow run, this one where none is named; it is anything that JSON can say."""
    put(receiver(flow_run_id), key, value, sender)


@dual
def create_flow_run_input_from_model(
    key: str, model_instance: BaseModel, flow_run_id: UUID | None = None, sender: str | None = None
) -> None:
    """The same for the fields of a model."""
    put(receiver(flow_run_id), key, model_instance, sender)


@dual
def filter_flow_run_input(
    key_prefix: str, limit: int = 1, exclude_keys: Collection[str] | None = None, flow_run_id: UUID | None = None
) -> list[FlowRunInput]:
    """The first ``limit`` values of a run whose keys start with ``key_prefix`` and a dash, in the order they came."""
    run, place = receiver(flow_run_id), 0
    found: list[tuple[str, int, str | None, bytes]] = []
    with current_ledger().reading() as session:
        while len(found) < limit and (one := behind(session, run, key_prefix, place, exclude_keys or ())) is not None:
            found.append(one)
            place = one[1]
    return [opened(run, one) for one in found]


@dual
def read_flow_run_input(key: str, flow_run_id: UUID | None = None) -> Any:
    """The value under a key; None where there is none."""
    return get(receiver(flow_run_id), key)


@dual
def delete_flow_run_input(key: str, flow_run_id: UUID | None = None) -> None:
    """Remove what is under a key, if anything is."""
    with current_ledger().changing() as session:
        session.execute("DELETE FROM inputs WHERE flow_run_id = ? AND key = ?", str(receiver(flow_run_id)), key)
