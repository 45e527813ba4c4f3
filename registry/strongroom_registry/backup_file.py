"""The file of a backup: the rows of a store one after the other, chained by hashes, with their counts at the end.

What a file holds is sealed and MACed already, so it needs no key to be written, copied or checked for damage. The chain
tells a file that was cut short, or that a disk or a network changed, before anything of it is believed; who forges it
has to forge the rows as well. ``docs/spec/backup.md`` is the normative text.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from struct import Struct
from typing import BinaryIO, NamedTuple
from uuid import UUID

from strongroom_registry.canonical import Cursor, Malformed, blob, instant, text, u32, u64
from strongroom_registry.envelope import PAYLOAD_MAX
from strongroom_registry.errors import BackupDamaged, HeadTampered, StoreNewer, StoreUnavailable
from strongroom_registry.keyring import WrappedKey
from strongroom_registry.stores.store import AuditRow, HeadRow, UseRow, VersionRow, WorkspaceRow

FORMAT = 1
ROWS_FORMAT = 2
"""The format of the registry whose rows are in a backup."""
RECORD_MAX = PAYLOAD_MAX + 16 * 1024 * 1024
"""The longest record, in bytes: a version with the largest payload, sealed, and everything that is kept with it."""

_MAGIC = b"SRBK"
_START = _MAGIC + bytes([FORMAT, 0, 0, 0])
_CHAIN_LABEL = b"strongroom/v1/backup"
_FRAME = Struct(">BI")
_DIGEST = 32
_BUFFER = 1024 * 1024
_REMEDY = "Take another copy of it, or an older backup."


class Header(NamedTuple):
    """What a backup is of: the store, the moment, and the version of Strongroom that made it."""

    store_id: UUID
    made_at: datetime
    made_by: str


class NodeRow(NamedTuple):
    """A node of a workspace's trie, by its path."""

    path: str
    node: bytes


Row = WorkspaceRow | WrappedKey | NodeRow | HeadRow | VersionRow | UseRow | AuditRow
"""What a backup consists of. A workspace comes before what is its own: keys, nodes, heads each followed by the versions
of the document, uses, audit."""


class _Kind(NamedTuple):
    """How one kind of record is written and read, and which kinds may come before it."""

    code: int
    row: type
    encode: Callable[..., bytes]
    decode: Callable[[Cursor], object]
    after: frozenset[int]


def _read_key(c: Cursor) -> WrappedKey:
    return WrappedKey(c.u32(), c.text(), c.text(), c.blob(), c.blob(), c.instant())


def _write_key(key: WrappedKey) -> bytes:
    start = u32(key.epoch) + text(key.provider) + text(key.fingerprint)
    return start + blob(key.wrapped) + blob(key.canary) + instant(key.created_at)


def _read_version(c: Cursor) -> VersionRow:
    number, record, mac, note, public = c.u64(), c.blob(), c.blob(), c.blob(), c.blob()
    wrap = c.blob() if _read_flag(c) else None
    return VersionRow(number, record, mac, note, public, wrap, c.blob())


def _read_flag(c: Cursor) -> bool:
    flag = c.take(1)[0]
    if flag > 1:
        raise Malformed("no flag")
    return bool(flag)


def _write_version(row: VersionRow) -> bytes:
    wrap = b"\0" if row.wrap is None else b"\1" + blob(row.wrap)
    return (
        u64(row.number) + blob(row.record) + blob(row.mac) + blob(row.note) + blob(row.public) + wrap + blob(row.body)
    )


_HEADER, _WORKSPACE, _KEY, _NODE, _HEAD, _VERSION, _USE, _AUDIT, _END = range(9)
_KINDS = (
    _Kind(
        _WORKSPACE,
        WorkspaceRow,
        lambda row: row.id + text(row.name) + blob(row.record) + blob(row.mac),
        lambda c: WorkspaceRow(c.take(16), c.text(), c.blob(), c.blob()),
        frozenset((_HEADER, _AUDIT)),
    ),
    _Kind(_KEY, WrappedKey, _write_key, _read_key, frozenset((_WORKSPACE, _KEY))),
    _Kind(
        _NODE,
        NodeRow,
        lambda row: text(row.path) + blob(row.node),
        lambda c: NodeRow(c.text(), c.blob()),
        frozenset((_KEY, _NODE)),
    ),
    _Kind(
        _HEAD,
        HeadRow,
        lambda row: text(row.name) + row.document + blob(row.record) + blob(row.mac) + text(row.path),
        lambda c: HeadRow(c.text(), c.take(16), c.blob(), c.blob(), c.text()),
        frozenset((_KEY, _NODE, _HEAD, _VERSION)),
    ),
    _Kind(_VERSION, VersionRow, _write_version, _read_version, frozenset((_HEAD, _VERSION))),
    _Kind(
        _USE,
        UseRow,
        lambda row: text(row.used) + text(row.user) + u64(row.number),
        lambda c: UseRow(c.text(), c.text(), c.u64()),
        frozenset((_KEY, _NODE, _HEAD, _VERSION, _USE)),
    ),
    _Kind(
        _AUDIT,
        AuditRow,
        lambda row: u64(row.seq) + blob(row.record) + blob(row.mac),
        lambda c: AuditRow(c.u64(), c.blob(), c.blob()),
        frozenset((_KEY, _NODE, _HEAD, _VERSION, _USE, _AUDIT)),
    ),
)
_BY_ROW = {kind.row: kind for kind in _KINDS}
_BY_CODE = {kind.code: kind for kind in _KINDS}


class _Chain:
    """The hash over all records so far."""

    def __init__(self) -> None:
        self.digest = sha256(_CHAIN_LABEL + _START).digest()

    def link(self, frame: bytes, data: bytes) -> bytes:
        digest = sha256(self.digest)
        digest.update(frame)
        digest.update(data)
        self.digest = digest.digest()
        return self.digest


class BackupWriter:
    """Writes the records of a backup to an open file, in the order that :data:`Row` tells."""

    def __init__(self, file: BinaryIO, header: Header) -> None:
        self._file = file
        self._chain = _Chain()
        self._counts = dict.fromkeys(_BY_CODE, 0)
        self._before = _HEADER
        file.write(_START)
        start = header.store_id.bytes + instant(header.made_at) + text(header.made_by)
        self._record(_HEADER, start + u32(ROWS_FORMAT))

    def put(self, row: Row) -> None:
        """Write a row.

        :raises HeadTampered: it holds what no registry writes, or something is missing before it.
        """
        kind = _BY_ROW[type(row)]
        try:
            data = kind.encode(row)
            _read_back(kind, data)
        except (AttributeError, OverflowError, TypeError, ValueError):
            raise _odd(f"a row ({kind.row.__name__}) of a shape") from None
        if self._before not in kind.after:
            raise _odd("a workspace without key or audit,")
        self._record(kind.code, data)
        self._counts[kind.code] += 1
        self._before = kind.code

    def finish(self) -> None:
        """Write the counts, which have to come last.

        :raises HeadTampered: the last workspace has no audit.
        """
        if self._before != _AUDIT:
            raise _odd("a workspace without key or audit,")
        self._record(_END, b"".join(map(u64, self._counts.values())))

    def _record(self, code: int, data: bytes) -> None:
        frame = _FRAME.pack(code, len(data))
        self._file.write(frame)
        self._file.write(data)
        self._file.write(self._chain.link(frame, data))


def _odd(what: str) -> HeadTampered:
    return HeadTampered(
        f"The registry holds {what} that no registry writes.",
        "See what else `strongroom verify` finds, and restore an older backup.",
    )


def _read_back(kind: _Kind, data: bytes) -> None:
    """Refuse to write what a reader would refuse, such as an id of another size."""
    if len(data) > RECORD_MAX:
        raise Malformed("too long")
    if kind.code != _VERSION:
        cursor = Cursor(data)
        kind.decode(cursor)
        cursor.end()


@dataclass(frozen=True, slots=True)
class _Record:
    code: int
    data: bytes


class BackupReader:
    """Reads a backup from its start to its end, one record at a time, and believes none whose hash does not fit.

    The file stays open until :meth:`close`, so that what is read a second time is the same file.

    :param path: where the file lies.
    :raises BackupDamaged: it is no backup, or is damaged at its start.
    :raises StoreNewer: a newer version of Strongroom wrote it.
    :raises StoreUnavailable: it cannot be read.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path).expanduser()
        try:
            descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError as exc:
            raise self._unreadable(exc, "See whether it is there, and whose it is.") from None
        self._file = self._opened(descriptor)
        try:
            self.header = self._read_header(_Chain())
        except BaseException:
            self._file.close()
            raise

    @property
    def size(self) -> int:
        """How many bytes the file has."""
        return self._size

    def rows(self) -> Iterator[Row]:
        """All rows, in the order in which they were written, each once its hash fits.

        :raises BackupDamaged: the file was cut short or changed; what came before is as it was written.
        """
        chain = _Chain()
        self._read_header(chain)
        counts = dict.fromkeys(_BY_CODE, 0)
        before, position = _HEADER, 1
        while (record := self._next(chain, position)).code != _END:
            kind = _BY_CODE.get(record.code)
            if kind is None or before not in kind.after:
                raise self._damaged(position, "does not belong there")
            yield self._decoded(kind, record, position)
            counts[record.code] += 1
            before, position = record.code, position + 1
        if record.data != b"".join(map(u64, counts.values())) or before != _AUDIT:
            raise self._damaged(position, "counts other records than there are")
        if self._read(1):
            raise self._damaged(position + 1, "stands behind the end")

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> BackupReader:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _opened(self, descriptor: int) -> BinaryIO:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            os.close(descriptor)
            raise StoreUnavailable(f"{self.path} is no ordinary file.", "Name the file of a backup.")
        self._size = status.st_size
        return open(descriptor, "rb", buffering=_BUFFER)

    def _read_header(self, chain: _Chain) -> Header:
        self._file.seek(0)
        start = self._read(len(_START))
        if len(start) < len(_START) or not start.startswith(_MAGIC):
            raise BackupDamaged(
                f"{self.path} is no backup of Strongroom.", "Name the file that `strongroom backup` wrote."
            )
        if start[len(_MAGIC)] > FORMAT:
            raise StoreNewer(
                f"{self.path} is a backup of format {start[len(_MAGIC)]}, this version of Strongroom knows {FORMAT}.",
                "Upgrade Strongroom.",
            )
        if start != _START:
            raise self._damaged(0, "was changed")
        record = self._next(chain, 0)
        if record.code != _HEADER:
            raise self._damaged(0, "does not belong there")
        try:
            c = Cursor(record.data)
            header, rows = Header(UUID(bytes=c.take(16)), c.instant(), c.text()), c.u32()
            if rows <= ROWS_FORMAT:  # what stands behind it in a later one, that one knows
                c.end()
        except Malformed:
            raise self._damaged(0, "cannot be read") from None
        if rows > ROWS_FORMAT:
            raise StoreNewer(
                f"{self.path} holds a registry of format {rows}, this version of Strongroom knows {ROWS_FORMAT}.",
                "Upgrade Strongroom.",
            )
        if rows < ROWS_FORMAT:
            raise self._damaged(0, f"says that its rows are of format {rows}, which no backup has")
        return header

    def _next(self, chain: _Chain, position: int) -> _Record:
        frame = self._read(_FRAME.size)
        if len(frame) < _FRAME.size:
            raise self._cut(position)
        code, length = _FRAME.unpack(frame)
        if length > RECORD_MAX:
            raise self._damaged(position, "was changed")
        if self._file.tell() + length + _DIGEST > self._size:
            raise self._cut(position)
        data, digest = self._read(length), self._read(_DIGEST)
        if chain.link(frame, data) != digest:
            raise self._damaged(position, "was changed")
        return _Record(code, data)

    def _decoded(self, kind: _Kind, record: _Record, position: int) -> Row:
        cursor = Cursor(record.data)
        try:
            row: Row = kind.decode(cursor)  # type: ignore[assignment]
            cursor.end()
        except Malformed:
            raise self._damaged(position, "cannot be read") from None
        return row

    def _read(self, size: int) -> bytes:
        try:
            return self._file.read(size)
        except OSError as exc:
            raise self._unreadable(exc, "See whether its disk is away or failing.") from None

    def _unreadable(self, exc: OSError, remedy: str) -> StoreUnavailable:
        return StoreUnavailable(f"The backup {self.path} cannot be read: {exc.strerror}.", remedy)

    def _cut(self, position: int) -> BackupDamaged:
        return BackupDamaged(
            f"The backup {self.path} is cut short: it ends within record {position}, and that is not its last.", _REMEDY
        )

    def _damaged(self, position: int, how: str) -> BackupDamaged:
        return BackupDamaged(f"The backup {self.path} is damaged: record {position} {how}.", _REMEDY)
