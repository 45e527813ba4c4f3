"""The canonical bytes of what is hashed or MACed: fixed-size numbers and length-prefixed fields, in a fixed order.

One value has one encoding, and nothing is left over at the end, so that two readers can never disagree on what was
authenticated. ``docs/spec/registry.md`` is the normative text.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from struct import Struct
from typing import Any

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def u32(number: int) -> bytes:
    """Four bytes, big-endian."""
    return number.to_bytes(4, "big")


def u64(number: int) -> bytes:
    """Eight bytes, big-endian."""
    return number.to_bytes(8, "big")


def blob(data: bytes) -> bytes:
    """The length as :func:`u32`, then the bytes."""
    return len(data).to_bytes(4, "big") + data


def text(value: str) -> bytes:
    """The UTF-8 bytes as a :func:`blob`."""
    data = value.encode()
    return len(data).to_bytes(4, "big") + data


def many(items: Iterable[bytes]) -> bytes:
    """The count as :func:`u32`, then the items one after the other."""
    encoded = list(items)
    return u32(len(encoded)) + b"".join(encoded)


def instant(at: datetime) -> bytes:
    """Microseconds since 1970-01-01 UTC as :func:`u64`."""
    return u64((at - _EPOCH) // _MICROSECOND)


class Malformed(ValueError):
    """Bytes that are not the canonical encoding of anything; callers turn it into an error that names the row."""


class Cursor:
    """Reads canonical bytes from the start to the end, and refuses what is too short or too long."""

    __slots__ = ("_data", "_position")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._position = 0

    def take(self, size: int) -> bytes:
        """The next ``size`` bytes."""
        start, end = self._position, self._position + size
        if end > len(self._data):
            raise Malformed("too short")
        self._position = end
        return self._data[start:end]

    def fields(self, layout: Struct) -> tuple[Any, ...]:
        """The next fields of fixed size, all at once."""
        start = self._position
        self._position = end = start + layout.size
        if end > len(self._data):
            raise Malformed("too short")
        return layout.unpack_from(self._data, start)

    def u32(self) -> int:
        start = self._position
        self._position = end = start + 4
        if end > len(self._data):
            raise Malformed("too short")
        return int.from_bytes(self._data[start:end], "big")

    def u64(self) -> int:
        return int.from_bytes(self.take(8), "big")

    def blob(self) -> bytes:
        start = self._position + 4
        self._position = end = start + int.from_bytes(self._data[start - 4 : start], "big")
        if end > len(self._data):
            raise Malformed("too short")
        return self._data[start:end]

    def text(self) -> str:
        try:
            return self.blob().decode()
        except UnicodeDecodeError:
            raise Malformed("no UTF-8") from None

    def instant(self) -> datetime:
        return moment(self.u64())

    def has_more(self) -> bool:
        """Whether anything is left."""
        return self._position < len(self._data)

    def end(self) -> None:
        """Refuse bytes that are left over."""
        if self._position != len(self._data):
            raise Malformed("too long")


def moment(microseconds: int) -> datetime:
    """What :func:`instant` encodes as this number."""
    try:
        return _EPOCH + microseconds * _MICROSECOND
    except OverflowError:
        raise Malformed("no point in time") from None
