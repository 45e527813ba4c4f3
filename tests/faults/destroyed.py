"""Row 6: what was destroyed is searched for in the files, and tried with every key that is left.

Before a document is destroyed its sealed rows are copied, as a thief would. Afterwards no piece of them may stand in
any file of the store; and the stolen body may not open with any data key that any other version has, under any
binding. That it does open with its own wrap is tried as well, so that the search is known to work.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from strongroom_registry import Registry
from strongroom_registry.envelope import Binding, Sealed, open_sealed
from strongroom_registry.errors import IntegrityError
from strongroom_registry.heads import VersionRecord
from strongroom_registry.keyring import WorkspaceKey

from faults.figure import Figure, Work
from faults.places import opened

DOCUMENTS = 200
PIECE = 24


class Stolen(NamedTuple):
    """A version as a thief has it: what it is bound to, its wrap, its body, and its public fields."""

    binding: Binding
    epoch: int
    sealed: Sealed
    public: bytes

    def pieces(self) -> list[bytes]:
        """Short enough to be found although rows lie across pages; without the headers, which many share."""
        blobs = (self.sealed.wrap, self.sealed.body, self.public)
        return [blob[at : at + PIECE] for blob in blobs for at in range(32, len(blob) - PIECE, 160)]


def run(work: Work) -> Iterator[Figure]:
    for store in work.places.names:
        yield from destroyed(work, store)


def destroyed(work: Work, store: str) -> Iterator[Figure]:
    """Half of the documents are destroyed, whole or by version; the other half keeps its keys."""
    dice, documents = work.dice(6, store), work.count(DOCUMENTS, least=8)
    search = Figure(6, "pieces of what was destroyed, searched for in all files", store)
    keys = Figure(6, "bodies of what was destroyed, tried with every key left", store)
    with work.places.make(store, work.folder / store) as place:
        with opened(place) as registry:
            for number in range(documents):
                for size in (dice.choice((10, 300, 3_000, 50_000)) for _ in range(dice.randint(1, 3))):
                    _put(registry, number, dice.randbytes(size), dice.randbytes(400))
        with opened(place) as registry:
            stolen = {name: _stolen(place, registry, name) for name in _names(documents)[::2]}
            there = _content_of(place.files())
            for name, versions in stolen.items():
                registry.get(name)
                registry.destroy(name)
                assert versions
        left = _content_of(place.files())
        for versions in stolen.values():
            for piece in (piece for version in versions for piece in version.pieces() if piece in there):
                search.add(
                    "found" if piece in left else "not found", "a piece is still there" if piece in left else None
                )
        with opened(place) as registry:
            survivors = [one for name in _names(documents)[1::2] for one in _stolen(place, registry, name)]
            _try_keys(keys, registry, [one for versions in stolen.values() for one in versions], survivors)
        if store == "PostgreSQL":
            search.remark = _remark(place, [one for versions in stolen.values() for one in versions])
    yield search
    yield keys


def _remark(place: Any, stolen: Sequence[Stolen]) -> str:
    """What the server's own log still has, which no table can be cleaned of."""
    log = _content_of(place.log_files())
    left = sum(any(piece in log for piece in one.pieces()) for one in stolen)
    return (
        f"the files of the tables; the write-ahead log has pieces of {left} of {len(stolen)} versions until it "
        "is recycled"
    )


def _names(documents: int) -> list[str]:
    return [f"document-{number}" for number in range(documents)]


def _put(registry: Registry, number: int, payload: bytes, public: bytes) -> None:
    registry.put(_names(number + 1)[-1], type="lake", schema="s1", payload=payload, public=public, overwrite=True)


def _stolen(place: Any, registry: Registry, name: str) -> list[Stolen]:
    rows = place.sql(
        "SELECT v.record, v.wrap, v.body, v.public FROM versions v JOIN heads h ON h.document = v.document "
        "WHERE h.name = ? ORDER BY v.number",
        name,
    )
    records = [(VersionRecord.decode(bytes(record)), *map(bytes, rest)) for record, *rest in rows]
    binding = registry._access.authority.binding
    return [Stolen(binding(record), record.epoch, Sealed(wrap, body), public) for record, wrap, body, public in records]


def _content_of(paths: Sequence[Path]) -> bytes:
    return b"\n".join(map(_content, paths))


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:  # the server has just removed it
        return b""


def _try_keys(figure: Figure, registry: Registry, stolen: Sequence[Stolen], survivors: Sequence[Stolen]) -> None:
    keyring = registry._access.authority.keyring
    for one in stolen:
        assert _opens(keyring.epoch(one.epoch), one.binding, one.sealed), "a stolen copy has to open with its own wrap"
        for other in survivors:
            key = keyring.epoch(other.epoch)
            for binding in (one.binding, other.binding):
                opens = _opens(key, binding, Sealed(other.sealed.wrap, one.sealed.body))
                figure.add("opened" if opens else "refused", "a stolen body opens" if opens else None)


def _opens(key: WorkspaceKey, binding: Binding, sealed: Sealed) -> bool:
    try:
        open_sealed(key, binding, sealed)
    except IntegrityError:
        return False
    return True
