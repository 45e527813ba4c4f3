"""The canonical bytes of what is hashed or MACed: fixed-size numbers and length-prefixed fields, in a fixed order.

One value has one encoding, and nothing is left over at the end, so that two readers can never disagree on what was
authenticated. ``docs/spec/registry.md`` is the normative text.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

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
    return blob(value.encode())


def many(items: Iterable[bytes]) -> bytes:
    """The count as :func:`u32`, then the items one after the other."""
    encoded = list(items)
    return u32(len(encoded)) + b"".join(encoded)


def instant(moment: datetime) -> bytes:
    """Microseconds since 1970-01-01 UTC as :func:`u64`."""
    return u64((moment - _EPOCH) // _MICROSECOND)


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

    def u32(self) -> int:
        return int.from_bytes(self.take(4), "big")

    def u64(self) -> int:
        return int.from_bytes(self.take(8), "big")

    def blob(self) -> bytes:
        return self.take(self.u32())

    def text(self) -> str:
        try:
            return self.blob().decode()
        except UnicodeDecodeError:
            raise Malformed("no UTF-8") from None

    def instant(self) -> datetime:
        try:
            return _EPOCH + self.u64() * _MICROSECOND
        except OverflowError:
            raise Malformed("no point in time") from None

    def end(self) -> None:
        """Refuse bytes that are left over."""
        if self._position != len(self._data):
            raise Malformed("too long")
