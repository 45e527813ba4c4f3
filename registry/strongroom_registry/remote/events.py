"""Server-sent events, as they are read from an answer that does not end."""

from __future__ import annotations

from collections.abc import Iterator
from http.client import HTTPException
from typing import NamedTuple, Protocol

LINE_MAX = 4 * 1024 * 1024


class Event(NamedTuple):
    """One event; a heartbeat, which only says that the server is there, has no ``kind``."""

    kind: str
    data: str = ""
    id: str = ""


class Parts(Protocol):
    """What an answer is read from."""

    def read1(self, amt: int | None = None) -> bytes:
        """The next bytes that are there, none at the end."""


def events_of(parts: Parts) -> Iterator[Event]:
    """The events of an answer, until it ends or breaks off; raises ValueError for what is none."""
    rest = b""
    said: dict[str, list[str]] = {}
    while part := _next(parts):
        *lines, rest = (rest + part).split(b"\n")
        if len(rest) > LINE_MAX:
            raise ValueError("a line without an end")
        for line in lines:
            text = line.rstrip(b"\r").decode()
            if text:
                name, _, value = text.partition(":")
                said.setdefault(name, []).append(value.removeprefix(" "))
                continue
            if said:
                yield Event(
                    (said.get("event") or ["message"])[-1] if "data" in said else "",
                    "\n".join(said.get("data", [])),
                    (said.get("id") or [""])[-1],
                )
            said = {}


def _next(parts: Parts) -> bytes:
    try:
        return parts.read1(65536)
    except HTTPException:  # a chunk that was cut, which urllib3 leaves as it is here
        return b""
