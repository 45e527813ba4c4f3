"""Records as rows: the columns of the journal's tables, and the two directions between them and the records.

Writing goes in two steps, so that the thread that runs a flow pays for the smaller one: ``*_snapshot`` copies what a
record says now, ``*_row`` turns that into values of a database. What people wrote (names, messages, parameters, tags)
is redacted in the second step.
"""

# ruff: noqa: SIM905  the columns read better as text

from __future__ import annotations

import json
import os
from dataclasses import fields, replace
from datetime import UTC, datetime
from operator import attrgetter
from typing import TYPE_CHECKING, Any, TypeAlias
from uuid import UUID

from strongroom_blocks.redaction import redactor
from strongroom_registry.errors import StrongroomError

from strongroom.journal.records import FlowRun, LogEntry, StateEvent, StoredResult, TaskRun
from strongroom.processes import this_process

if TYPE_CHECKING:
    from strongroom.states import State, StateType

Snapshot: TypeAlias = tuple[Any, ...]
Row: TypeAlias = tuple[Any, ...]

FLOW_COLUMNS = (
    "id name flow_name flow_version parameters parameters_shown parent_flow_run_id parent_task_run_id dynamic_key tags "
    "state_type state_name state_message state_time history run_count created start_time end_time entrypoint "
    "source_hash pid host heartbeat result_inline result_key result_storage result_serializer result_size "
    "result_expires blocks expected_start deployment replay_of idempotency_key process pins"
).split()
TASK_COLUMNS = (
    "id name task_name task_key dynamic_key flow_run_id parent_id state_type state_name state_message state_time "
    "history run_count tags created start_time end_time inputs_fingerprint upstream cache_key kind result_inline "
    "result_key result_storage result_serializer result_size result_expires explanation worker"
).split()
LOG_COLUMNS = "flow_run_id task_run_id time level logger message".split()

LONGEST_LINE = 64 * 1024

_flow_fields = attrgetter(
    *"id name flow_name flow_version sealed_parameters parameters_shown parent_flow_run_id parent_task_run_id "
    "dynamic_key tags state.type._value_ state.name state.message state.timestamp history run_count created start_time "
    "end_time entrypoint source_hash pid host heartbeat expected_start deployment replay_of idempotency_key process "
    "result blocks pins".split()
)
_task_fields = attrgetter(
    *"id name task_name task_key dynamic_key flow_run_id parent_id state.type._value_ state.name state.message "
    "state.timestamp history run_count tags created start_time end_time inputs_fingerprint upstream cache_key kind "
    "explanation worker result".split()
)
_quoted = json.encoder.encode_basestring_ascii
_NO_RESULT = (None, None, None, None, None, None)


def flow_snapshot(run: FlowRun) -> Snapshot:
    """What a flow run says now. Its parameters shown are never changed in place, its history, blocks and pins are."""
    return (*_flow_fields(run), tuple(run.history), tuple(run.blocks), run.pins.copy())


def task_snapshot(run: TaskRun) -> Snapshot:
    """What a task run says now."""
    return (*_task_fields(run), tuple(run.history))


def flow_row(snapshot: Snapshot) -> Row:
    """The values of ``FLOW_COLUMNS``."""
    (id_, name, flow_name, version, parameters, shown, parent_flow, parent_task, dynamic_key, tags) = snapshot[:10]
    (kind, state, message, time, _, run_count, created, start, end, entrypoint) = snapshot[10:20]
    (source_hash, pid, host, heartbeat, expected, deployment, replay_of, key, process, result) = snapshot[20:30]
    (_, _, history, blocks, pins) = snapshot[30:]
    return (
        id_.bytes, _said(name), _text(flow_name), _maybe(version), parameters, _json(shown),
        _bytes(parent_flow), _bytes(parent_task), _text(dynamic_key), _json(sorted(tags)),
        kind, _text(state), _said(message), time.timestamp(), _history(history), run_count,
        created.timestamp(), _number(start), _number(end), _maybe(entrypoint), source_hash,
        pid, host, _number(heartbeat), *_result(result), json.dumps(blocks),
        _number(expected), _text(deployment), _bytes(replay_of), _said(key), process,
        json.dumps(pins),
    )  # fmt: skip


def task_row(snapshot: Snapshot) -> Row:
    """The values of ``TASK_COLUMNS``."""
    (id_, name, task_name, task_key, dynamic_key, flow_run, parent, kind, state, message, time) = snapshot[:11]
    (_, run_count, tags, created, start, end, inputs, upstream, cache_key, sort) = snapshot[11:21]
    (explanation, worker, result, history) = snapshot[21:]
    return (
        id_.bytes, _said(name), _text(task_name), _text(task_key), _text(dynamic_key), _bytes(flow_run), _bytes(parent),
        kind, _text(state), _said(message), time.timestamp(), _history(history),
        run_count, _json(sorted(tags)) if tags else "[]", created.timestamp(), _number(start), _number(end),
        inputs, b"".join([run.bytes for run in upstream]), _said(cache_key), sort, *_result(result),
        _said(explanation), worker,
    )  # fmt: skip


def log_row(entry: LogEntry) -> Row:
    """The values of ``LOG_COLUMNS``."""
    return (
        _bytes(entry.flow_run_id), _bytes(entry.task_run_id), entry.timestamp.timestamp(), entry.level, entry.logger,
        _text(entry.message),
    )  # fmt: skip


def cut(entry: LogEntry) -> LogEntry:
    """A line as a journal keeps it: what goes beyond 64 KiB is left out, with a note in its place."""
    return entry if len(entry.message) <= LONGEST_LINE else entry._replace(message=_shortened(entry.message))


def claimed(run: FlowRun, state: State[Any]) -> FlowRun:
    """A copy of ``run`` in another state, owned by this process."""
    event = StateEvent(state.type, state.name, state.message, state.timestamp)
    history = [*run.history, event]
    pid, host = os.getpid(), os.uname().nodename
    return replace(run, state=state, history=history, end_time=None, pid=pid, host=host, process=this_process())


def assign(run: FlowRun, other: FlowRun) -> None:
    """Make ``run`` say what ``other`` says."""
    for member in fields(run):
        setattr(run, member.name, getattr(other, member.name))


def flow_record(row: Row) -> FlowRun:
    """The record of a row of ``FLOW_COLUMNS``."""
    from strongroom.states import StateType

    field = dict(zip(FLOW_COLUMNS, row, strict=True))
    parameters = json.loads(field["parameters_shown"])
    return FlowRun(
        id=UUID(bytes=field["id"]),
        name=field["name"],
        flow_name=field["flow_name"],
        flow_version=field["flow_version"],
        sealed_parameters=field["parameters"],
        parameters=parameters,
        parameters_shown=parameters,
        parent_flow_run_id=_uuid(field["parent_flow_run_id"]),
        parent_task_run_id=_uuid(field["parent_task_run_id"]),
        dynamic_key=field["dynamic_key"],
        tags=frozenset(json.loads(field["tags"])),
        state=_state(field),
        history=_events(field["history"], StateType),
        run_count=field["run_count"],
        created=_time(field["created"]),
        start_time=_when(field["start_time"]),
        end_time=_when(field["end_time"]),
        entrypoint=field["entrypoint"],
        source_hash=field["source_hash"],
        pid=field["pid"],
        host=field["host"],
        heartbeat=_when(field["heartbeat"]),
        result=_stored(field),
        blocks=json.loads(field["blocks"]),
        expected_start=_when(field["expected_start"]),
        deployment=field["deployment"],
        replay_of=_uuid(field["replay_of"]),
        idempotency_key=field["idempotency_key"],
        process=field["process"],
        pins=json.loads(field["pins"]),
    )


def task_record(row: Row) -> TaskRun:
    """The record of a row of ``TASK_COLUMNS``."""
    from strongroom.states import StateType

    field = dict(zip(TASK_COLUMNS, row, strict=True))
    upstream = field["upstream"]
    return TaskRun(
        id=UUID(bytes=field["id"]),
        name=field["name"],
        task_name=field["task_name"],
        task_key=field["task_key"],
        dynamic_key=field["dynamic_key"],
        flow_run_id=_uuid(field["flow_run_id"]),
        parent_id=_uuid(field["parent_id"]),
        state=_state(field),
        history=_events(field["history"], StateType),
        run_count=field["run_count"],
        tags=frozenset(json.loads(field["tags"])),
        created=_time(field["created"]),
        start_time=_when(field["start_time"]),
        end_time=_when(field["end_time"]),
        inputs_fingerprint=field["inputs_fingerprint"],
        upstream=tuple(UUID(bytes=upstream[at : at + 16]) for at in range(0, len(upstream), 16)),
        cache_key=field["cache_key"],
        kind=field["kind"],
        result=_stored(field),
        explanation=field["explanation"],
        worker=field["worker"],
    )


def log_record(row: Row) -> LogEntry:
    """The record of a row of ``LOG_COLUMNS`` with the line's number behind them."""
    flow_run, task_run, time, level, logger, message, number = row
    return LogEntry(_uuid(flow_run), _uuid(task_run), _time(time), level, logger, message, number)


def _text(text: str) -> str:
    """A text that a database takes: a NUL, or a lone surrogate (of a file name, say), becomes its escape."""
    text = text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()
    return text.replace("\0", "\\x00")


def _maybe(text: str | None) -> str | None:
    return None if text is None else _text(text)


def _shortened(text: str) -> str:
    return f"{text[:LONGEST_LINE]}… [{len(text) - LONGEST_LINE} more characters are not kept]"


def _said(text: str | None) -> str | None:
    if not text:
        return text
    text = redactor.redact(_text(text))
    return text if len(text) <= LONGEST_LINE else _shortened(text)


def _json(value: object) -> str:
    return redactor.redact(json.dumps(value, default=str))


def _history(events: tuple[StateEvent, ...]) -> str:
    """JSON by hand: half of what it costs to write a task run is here."""
    return f"[{','.join([_event(*event) for event in events])}]"


def _event(kind: StateType, name: str, message: str | None, at: datetime) -> str:
    if message is not None and len(message) > LONGEST_LINE:
        message = _shortened(redactor.redact(message))
    said = "null" if message is None else _quoted(redactor.redact(message))
    return f'["{kind._value_}",{_quoted(redactor.redact(name))},{said},{at.timestamp()!r}]'


def _result(result: StoredResult | None) -> tuple[Any, ...]:
    if result is None:
        return _NO_RESULT
    try:
        inline = None if result.inline is None else bytes(result.inline)
    except StrongroomError:
        return _NO_RESULT  # it cannot be sealed any more, so a resumption runs the task again
    size = result.size if inline is None else len(inline)
    return (inline, _maybe(result.key), result.storage, result.serializer, size, _number(result.expires))


def _bytes(id_: UUID | None) -> bytes | None:
    return None if id_ is None else id_.bytes


def _number(time: datetime | None) -> float | None:
    return None if time is None else time.timestamp()


def _uuid(value: bytes | None) -> UUID | None:
    return None if value is None else UUID(bytes=value)


def _time(value: float) -> datetime:
    return datetime.fromtimestamp(value, UTC)


def _when(value: float | None) -> datetime | None:
    return None if value is None else datetime.fromtimestamp(value, UTC)


def _state(field: dict[str, Any]) -> Any:
    from strongroom.states import Fetch, NotKept, State, StateType

    kind, data = StateType(field["state_type"]), None
    if kind is StateType.COMPLETED:
        stored = _stored(field)
        data = NotKept() if stored is None else Fetch(lambda: _read(stored, UUID(bytes=field["id"])))
    return State(kind, field["state_name"], field["state_message"], data, timestamp=_time(field["state_time"]))


def _read(stored: StoredResult, run_id: UUID) -> Any:
    from strongroom.results.stored import read_stored

    return read_stored(stored, run_id)


def _events(text: str, kinds: Any) -> list[StateEvent]:
    return [StateEvent(kinds(kind), name, message, _time(at)) for kind, name, message, at in json.loads(text)]


def _stored(field: dict[str, Any]) -> StoredResult | None:
    if field["result_serializer"] is None:
        return None
    return StoredResult(
        field["result_inline"],
        field["result_key"],
        field["result_storage"],
        field["result_serializer"],
        field["result_size"],
        _when(field["result_expires"]),
    )
