"""What an export holds: one version of a document a line, as JSON, between a first line and a last one.

The normative text is ``docs/spec/export.md`` §5.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from strongroom_registry.document import Reference, check_label, check_name
from strongroom_registry.errors import InvalidReference

from strongroom.errors import UnreadableFile
from strongroom.interchange.strict_reading import read_json

FORMAT = 1
CONTENT_MAX = 1 << 30
"""The largest content of an export that is read, in bytes."""

_AGAIN = "Take another copy of it, or have it made again."


@dataclass(frozen=True, slots=True)
class Record:
    """One version of a document on its way. ``main`` is the one that is to be current where it arrives."""

    name: str
    type: str
    schema: str
    version: int
    main: bool
    labels: tuple[str, ...]
    created_at: datetime
    actor: str
    message: str
    expires_at: datetime | None
    public: bytes = field(repr=False)
    payload: bytes = field(repr=False)


def written(workspace: str, at: datetime, records: Iterable[Record]) -> Iterator[bytes]:
    """The lines of an export."""
    yield _line({"strongroom-export": FORMAT, "workspace": workspace, "created_at": at.isoformat()})
    count = 0
    for record in records:
        count += 1
        yield _line(
            {
                "name": record.name,
                "type": record.type,
                "schema": record.schema,
                "version": record.version,
                "main": record.main,
                "labels": list(record.labels),
                "created_at": record.created_at.isoformat(),
                "actor": record.actor,
                "message": record.message,
                "expires_at": record.expires_at.isoformat() if record.expires_at else None,
                "public": record.public.decode(),
                "payload": _tree(record.payload),
            }
        )
    yield _line({"end": count})


def read(pieces: Iterable[bytes]) -> list[Record]:
    """The records of an export, whole.

    :raises UnreadableFile: it is none, was cut short, or says something that cannot be.
    """
    lines = list(_lines(pieces))
    if not lines or lines[0].keys() != {"strongroom-export", "workspace", "created_at"}:
        raise _no_export()
    if lines[0]["strongroom-export"] != FORMAT:
        raise UnreadableFile("The export has a format that this version does not know.", "Use a newer Strongroom.")
    if lines[-1] != {"end": len(lines) - 2}:
        raise UnreadableFile("The export was cut short.", _AGAIN)
    records = [_record(line, number) for number, line in enumerate(lines[1:-1], 2)]
    _check_whole(records)
    return records


def references_in(payload: bytes) -> list[str]:
    """The other documents that a payload refers to, as texts, in order."""
    found: list[str] = []

    def note(text: str) -> str:
        found.append(text)
        return text

    with_references(payload, note)
    return list(dict.fromkeys(found))


def with_references(payload: bytes, change: Callable[[str], str]) -> bytes:
    """The payload with each reference in it replaced by what ``change`` makes of it."""
    if b'"$block"' not in payload:
        return payload
    tree = _tree(payload)
    return _packed(_changed(tree, change)) if set(tree) == {"$exact"} else payload


def _changed(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, dict):
        if value.keys() == {"$block"} and isinstance(value["$block"], str):
            return {"$block": change(value["$block"])}
        return {key: _changed(inner, change) for key, inner in value.items()}
    if isinstance(value, list):
        return [_changed(inner, change) for inner in value]
    return value


def _tree(payload: bytes) -> dict[str, Any]:
    tree: dict[str, Any] = json.loads(payload.decode("utf-8", "surrogatepass"))
    return tree


def _packed(tree: Any) -> bytes:
    """As payloads are written; ``docs/spec/payload.md``."""
    return json.dumps(tree, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")


def _line(content: dict[str, Any]) -> bytes:
    return json.dumps(content).encode() + b"\n"


def _lines(pieces: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    waiting: list[bytes] = []
    size = number = 0
    for piece in pieces:
        size += len(piece)
        if size > CONTENT_MAX:
            raise UnreadableFile("The export holds more than 1 GiB.", "Export fewer blocks at a time.")
        *ends, rest = piece.split(b"\n")
        for end in ends:
            number += 1
            yield _object(b"".join((*waiting, end)), number)
            waiting = []
        waiting.append(rest)
    if any(waiting):
        raise UnreadableFile("The export was cut short.", _AGAIN) if number else _no_export()


def _object(line: bytes, number: int) -> dict[str, Any]:
    try:
        value = read_json(line.decode(), f"Line {number} of the export", depth=None)
    except UnicodeDecodeError:
        raise (_no_export() if number == 1 else _impossible(number)) from None
    except UnreadableFile:
        if number > 1:
            raise
        raise _no_export() from None
    if not isinstance(value, dict):
        raise _impossible(number)
    return value


def _no_export() -> UnreadableFile:
    return UnreadableFile("This is no export of Strongroom.", "Name a file that 'strongroom export' wrote.")


def _impossible(number: int) -> UnreadableFile:
    return UnreadableFile(f"Line {number} of the export is no version of a block.", _AGAIN)


def _record(line: dict[str, Any], number: int) -> Record:
    try:
        expires = line["expires_at"]
        record = Record(
            name=check_name(line["name"]),
            type=check_name(line["type"]),
            schema=_text(line["schema"]),
            version=_number(line["version"]),
            main=line["main"] is True,
            labels=tuple(check_label(label) for label in line["labels"]),
            created_at=datetime.fromisoformat(line["created_at"]),
            actor=_text(line["actor"]),
            message=_text(line["message"]),
            expires_at=datetime.fromisoformat(expires) if expires is not None else None,
            public=_text(line["public"]).encode(),
            payload=_packed(_fields(line["payload"])),
        )
        for reference in references_in(record.payload):
            Reference.parse(reference)
    except (KeyError, TypeError, ValueError, InvalidReference, RecursionError):
        record = None
    if record is None or len(line) != 12:
        raise _impossible(number)
    return record


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    value.encode()
    return value


def _number(value: Any) -> int:
    if type(value) is not int or not 1 <= value < 10**9:
        raise ValueError
    return value


def _fields(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TypeError
    return value


def _check_whole(records: list[Record]) -> None:
    """Each version once, and one of each document to become current."""
    seen: set[tuple[str, int]] = set()
    mains: dict[str, int] = {}
    for record in records:
        key = (record.name, record.version)
        if key in seen:
            raise UnreadableFile(f"The export has version {record.version} of {record.name} twice.", _AGAIN)
        seen.add(key)
        mains[record.name] = mains.get(record.name, 0) + record.main
    for name, count in mains.items():
        if count != 1:
            raise UnreadableFile(f"The export has {count} current versions of {name}.", _AGAIN)
