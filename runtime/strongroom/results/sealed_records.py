"""The form of results and parameters at rest.

A record is ``b"SR" version flags payload``; the payload is the time it was written, when it expires, its serializer
(and behind a line feed, who wrote it) and its bytes.
With the flag ``SEALED`` the payload is encrypted and bound to its place (a key, or a run), so that neither
reading the disk nor moving records about gives anything away, and nothing is unpickled that this registry's key did not
seal. ``STRONGROOM_RESULTS_SEALED=false`` writes records in clear with a checksum: whoever may write the storage can
then run code in the process that reads it, and whoever may read it sees every result, secrets included.
"""

from __future__ import annotations

import struct
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from strongroom_registry.errors import StrongroomError

from strongroom.errors import CorruptResult, ResultKeyMismatch
from strongroom.serializers import Serializer, resolve

_MAGIC = b"SR\x01"
_CLEAR, _SEALED = 0, 1
_HEAD = struct.Struct(">ddB")  # written, expires (0: never), length of the serializer's name


class Sealer(Protocol):
    """What the registry hands out to seal small records: ``context`` says where the record belongs."""

    def seal(self, data: bytes, context: bytes) -> bytes: ...
    def open(self, sealed: bytes, context: bytes) -> bytes: ...
    def name(self, data: bytes) -> str: ...
    def former_names(self, data: bytes) -> Iterator[str]: ...


def current_sealer() -> Sealer | None:
    """The sealer of results, None where the settings say that results are not sealed.

    Opens the registry. Raises what that raises: a wrong key, a store that cannot be opened.
    """
    from strongroom.settings import get_settings

    if not get_settings().results_sealed:
        return None
    import strongroom_registry

    return strongroom_registry.current().sealer("results")


@dataclass(frozen=True, slots=True)
class Opened:
    """What a record holds; ``body`` is still serialized, ``writer`` names the run that wrote it, where it is known."""

    body: bytes
    serializer: str
    written: datetime
    expires: datetime | None
    writer: str = ""


def write_record(
    body: bytes, serializer: str, expires: datetime | None, sealer: Sealer | None, context: bytes, writer: str = ""
) -> bytes:
    """A record of serialized bytes, sealed for the place that ``context`` names, or in clear without a sealer."""
    name = (f"{serializer}\n{writer}" if writer else serializer).encode()[:255]
    head = _HEAD.pack(time.time(), expires.timestamp() if expires else 0.0, len(name))
    payload = b"".join((head, name, body))
    if sealer is not None:
        return b"".join((_MAGIC, bytes((_SEALED,)), sealer.seal(payload, context)))
    return b"".join((_MAGIC, bytes((_CLEAR,)), zlib.crc32(payload).to_bytes(4, "big"), payload))


class LateRecord:
    """A record that is written when its bytes are asked for: by the journal's thread, and not by the run's.

    Sealing lets other threads go first, which costs a run more than the sealing itself.
    """

    __slots__ = ("_body", "_context", "_sealer", "_serializer")

    def __init__(self, body: bytes, serializer: str, sealer: Sealer | None, context: bytes) -> None:
        self._body = body
        self._serializer = serializer
        self._sealer = sealer
        self._context = context

    def __bytes__(self) -> bytes:
        return write_record(self._body, self._serializer, None, self._sealer, self._context)

    def __len__(self) -> int:
        return len(self._body)


def read_record(record: bytes, sealer: Sealer | None, context: bytes) -> Opened:
    """Open a record; raises :class:`~strongroom.errors.CorruptResult` or ResultKeyMismatch."""
    if len(record) < len(_MAGIC) + 1 or not record.startswith(_MAGIC):
        raise CorruptResult("What lies there is no result of Strongroom.", "Remove it, or use another storage.")
    payload = _opened_payload(record[len(_MAGIC)], record[len(_MAGIC) + 1 :], sealer, context)
    try:
        written, expires, length = _HEAD.unpack_from(payload)
        name, _, writer = payload[_HEAD.size : _HEAD.size + length].decode(errors="replace").partition("\n")
        until = datetime.fromtimestamp(expires, UTC) if expires else None
        return Opened(payload[_HEAD.size + length :], name, datetime.fromtimestamp(written, UTC), until, writer)
    except (struct.error, ValueError, OverflowError, OSError):
        raise CorruptResult("The head of a stored result is damaged.", "Run the task again.") from None


def _opened_payload(flag: int, rest: bytes, sealer: Sealer | None, context: bytes) -> bytes:
    if flag == _SEALED:
        if sealer is None:
            raise ResultKeyMismatch(
                "The stored result is sealed, and results are not sealed now.", "Unset STRONGROOM_RESULTS_SEALED."
            )
        try:
            return sealer.open(rest, context)
        except StrongroomError as error:
            raise ResultKeyMismatch(
                f"The stored result does not open ({type(error).__name__}): it was changed or moved, or sealed with "
                "another key.",
                "Use the registry and key that it was written with, or run the task again.",
            ) from None
    if flag != _CLEAR:
        raise CorruptResult(
            "The stored result has an unknown form.", "A newer version of Strongroom may have written it."
        )
    if sealer is not None:
        raise ResultKeyMismatch(
            "The stored result is in clear, and results are sealed now: it may be forged, so it is not read.",
            "Run the task again, or set STRONGROOM_RESULTS_SEALED=false to read what was written so.",
        )
    if zlib.crc32(rest[4:]).to_bytes(4, "big") != rest[:4]:
        raise CorruptResult("The stored result is damaged: its checksum does not fit.", "Run the task again.")
    return rest[4:]


def load_value(opened: Opened, serializer: Serializer, what: str) -> Any:
    """The value of an opened record, read by ``serializer`` or the one it was written with; ``what`` is for errors."""
    reader = serializer if serializer.name == opened.serializer else resolve(opened.serializer)
    try:
        return reader.loads(opened.body)
    except Exception as error:
        # Not chained and not quoted: the message of an unpickling class may carry its values.
        raise CorruptResult(
            f"The result {what!r:.80} cannot be read back ({type(error).__name__}).",
            "Its classes may have moved or changed since; run the task again.",
        ) from None
