"""The records that say what is true of a workspace: its state, the heads of its documents, and their versions.

Each record has canonical bytes, stored as they are beside a MAC under the workspace key. A record begins with the epoch
of the key that its MAC is made with, since that has to be known before anything else of it may be believed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from struct import Struct
from struct import error as StructError  # noqa: N812

from strongroom_registry.canonical import Cursor, Malformed, instant, many, moment, text, u32, u64
from strongroom_registry.document import DocumentState

STATE_PURPOSE = b"strongroom/v1/state"
HEAD_PURPOSE = b"strongroom/v1/head"
VERSION_PURPOSE = b"strongroom/v1/version"

_VERSION_START, _VERSION_END = Struct(">I16sQQI"), Struct(">32s32s32s")
_HEAD_IDENTITY, _HEAD_END = Struct(">16sQQQB"), Struct(">32sQQ")
_STATES = (DocumentState.LIVE, DocumentState.DELETED, DocumentState.DESTROYED)


def record_epoch(record: bytes) -> int:
    """The epoch of the key that the record says it is MACed with; nothing is authenticated yet."""
    if len(record) < 4:
        raise Malformed("too short")
    return int.from_bytes(record[:4], "big")


@dataclass(frozen=True, slots=True)
class Note:
    """What a version says about itself beside its payload: when, by whom, why, what it refers to, how long it is good.

    The last two stand in the canonical bytes only where one of them says something.
    """

    created_at: datetime
    actor: str
    message: str
    references: tuple[str, ...] = ()
    expires_at: datetime | None = None

    def encode(self) -> bytes:
        start = instant(self.created_at) + text(self.actor) + text(self.message)
        if not self.references and self.expires_at is None:
            return start
        expiry = u64(0) if self.expires_at is None else instant(self.expires_at)
        return start + many(map(text, self.references)) + expiry

    @staticmethod
    def decode(data: bytes) -> Note:
        c = Cursor(data)
        note = Note(c.instant(), c.text(), c.text())
        if c.has_more():
            references = tuple([c.text() for _ in range(c.u32())])
            expiry = c.u64()
            if not references and not expiry:
                raise Malformed("a note that says in full what it could leave out")
            note = replace(note, references=references, expires_at=moment(expiry) if expiry else None)
        c.end()
        return note


@dataclass(frozen=True, slots=True)
class VersionRecord:
    """What a version was sealed as. Only its epoch ever changes, when the workspace key does."""

    epoch: int
    document: bytes
    generation: int
    number: int
    type: str
    schema: str
    note_hash: bytes
    public_hash: bytes
    body_hash: bytes

    def encode(self) -> bytes:
        numbers = u32(self.epoch) + self.document + u64(self.generation) + u64(self.number)
        return numbers + text(self.type) + text(self.schema) + self.note_hash + self.public_hash + self.body_hash

    @staticmethod
    def decode(data: bytes) -> VersionRecord:
        """Taken apart without a :class:`Cursor`: each load, line of a listing and row of a rotation needs it."""
        try:
            epoch, document, generation, number, size = _VERSION_START.unpack_from(data)
            end_of_type = _VERSION_START.size + size
            type_ = data[_VERSION_START.size : end_of_type].decode()
            end_of_schema = end_of_type + 4 + int.from_bytes(data[end_of_type : end_of_type + 4], "big")
            schema = data[end_of_type + 4 : end_of_schema].decode()
            note_hash, public_hash, body_hash = _VERSION_END.unpack_from(data, end_of_schema)
        except (StructError, UnicodeDecodeError):
            raise Malformed("too short, or no UTF-8") from None
        if len(data) != end_of_schema + _VERSION_END.size:
            raise Malformed("too long")
        return VersionRecord(epoch, document, generation, number, type_, schema, note_hash, public_hash, body_hash)


@dataclass(frozen=True, slots=True)
class HeadRecord:
    """What a document is now.

    Versions ``first`` to ``current`` belong to this generation; those before it belong to documents of the same name
    that were deleted. ``newest`` is the newest version where that is not the current one: it waits to become so, or was
    before. ``destroyed`` holds ranges of numbers, both ends included, sorted, with a gap between any two.
    """

    epoch: int
    name: str
    document: bytes
    generation: int
    first: int
    current: int
    state: DocumentState
    labels: Mapping[str, int]
    destroyed: tuple[tuple[int, int], ...]
    body_hash: bytes
    seq: int
    updated_at: datetime
    newest: int | None = None

    @property
    def last(self) -> int:
        """The highest number that a version has."""
        return self.current if self.newest is None else self.newest

    def encode(self) -> bytes:
        return b"".join(
            (
                u32(self.epoch),
                text(self.name),
                self.document,
                u64(self.generation),
                u64(self.first),
                u64(self.current),
                bytes([_STATES.index(self.state)]),
                many(text(label) + u64(number) for label, number in sorted(self.labels.items())),
                many(u64(start) + u64(end) for start, end in self.destroyed),
                self.body_hash,
                u64(self.seq),
                instant(self.updated_at),
                b"" if self.newest is None else u64(self.newest),
            )
        )

    @staticmethod
    def decode(data: bytes) -> HeadRecord:
        c = Cursor(data)
        epoch, name = c.u32(), c.text()
        document, generation, first, current, state = c.fields(_HEAD_IDENTITY)
        labels = {c.text(): c.u64() for _ in range(c.u32())}
        destroyed = tuple([(c.u64(), c.u64()) for _ in range(c.u32())])
        body_hash, seq, updated_at = c.fields(_HEAD_END)
        newest = c.u64() if c.has_more() else None
        if newest is not None and newest <= current:
            raise Malformed("a newest version that cannot be")
        c.end()
        return HeadRecord(
            epoch=epoch,
            name=name,
            document=document,
            generation=generation,
            first=first,
            current=current,
            state=_state(state),
            labels=labels,
            destroyed=destroyed,
            body_hash=body_hash,
            seq=seq,
            updated_at=moment(updated_at),
            newest=newest,
        )

    def is_destroyed(self, number: int) -> bool:
        """Whether the data key of this version was destroyed."""
        return any(start <= number <= end for start, end in self.destroyed)

    def labels_of(self, number: int) -> tuple[str, ...]:
        """The labels that stand on this version, sorted."""
        return tuple(sorted(label for label, at in self.labels.items() if at == number))


def _state(code: int) -> DocumentState:
    if code >= len(_STATES):
        raise Malformed("no state of a document")
    return _STATES[code]


def with_destroyed(ranges: tuple[tuple[int, int], ...], first: int, last: int) -> tuple[tuple[int, int], ...]:
    """The ranges with ``first`` to ``last`` added, merged where they touch."""
    return tuple(_merged(sorted((*ranges, (first, last)))))


def _merged(ranges: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    start, end = ranges[0]
    for next_start, next_end in ranges[1:]:
        if next_start <= end + 1:
            end = max(end, next_end)
        else:
            yield start, end
            start, end = next_start, next_end
    yield start, end


@dataclass(frozen=True, slots=True)
class StateRecord:
    """What a workspace is now; rewritten by every transaction.

    ``seq`` counts transactions. ``root`` is the root hash of the trie over all heads, so that old rows of one document
    cannot be put back alone. ``audit_seq`` and ``audit_mac`` are those of the newest audit entry. Documents of epochs
    before ``oldest`` are not believed; it stands in the canonical bytes only where it is not 1.
    """

    epoch: int
    store: bytes
    workspace: bytes
    name: str
    seq: int
    root: bytes
    audit_seq: int
    audit_mac: bytes
    oldest: int = 1

    def encode(self) -> bytes:
        ids = u32(self.epoch) + self.store + self.workspace + text(self.name)
        oldest = b"" if self.oldest == 1 else u32(self.oldest)
        return ids + u64(self.seq) + self.root + u64(self.audit_seq) + self.audit_mac + oldest

    @staticmethod
    def decode(data: bytes) -> StateRecord:
        c = Cursor(data)
        record = StateRecord(c.u32(), c.take(16), c.take(16), c.text(), c.u64(), c.take(32), c.u64(), c.take(32))
        if c.has_more():
            record = replace(record, oldest=c.u32())
            if not 1 < record.oldest <= record.epoch:
                raise Malformed("an oldest epoch that cannot be")
        c.end()
        return record


def hashed(data: bytes) -> bytes:
    """SHA-256, as notes, projections and bodies are committed to."""
    return sha256(data).digest()
