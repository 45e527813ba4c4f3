"""What finds secrets in bytes: the seam between where bytes come from and how secrets are known in them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple, Protocol

CHUNK = 1 << 20
_NEAR = 256


@dataclass(frozen=True, slots=True, order=True)
class Owner:
    """Whose value it is: a pinned reference and the path of a field."""

    block: str
    field: str


class Hit(NamedTuple):
    """A secret at a place of a chunk, and the form in which it stands there."""

    start: int
    end: int
    form: str
    owners: tuple[Owner, ...]


class Matcher(Protocol):
    """Finds secrets in a chunk of bytes."""

    overlap: int
    """How many bytes of a chunk the next one has to begin with, so that nothing is missed between them."""

    def hits(self, chunk: bytes) -> Iterable[Hit]:
        """Every place where a secret stands, in any order."""
        ...


class Readable(Protocol):
    """What a search needs of a stream: bytes, and none at its end."""

    def read(self, size: int, /) -> bytes:
        """At most ``size`` bytes."""
        ...


class Found(NamedTuple):
    """A secret in a stream: the line, counted from 1."""

    line: int
    form: str
    owners: tuple[Owner, ...]


def search(stream: Readable, matcher: Matcher) -> Iterator[Found]:
    """Every secret in a stream, read in chunks, so that memory does not grow with its size.

    Where one secret stands in several forms at one place, the longest is told; lines of one secret that follow each
    other are told once.
    """
    kept, before, lines = b"", 0, 0
    told = _Told()
    while True:
        read = stream.read(CHUNK)
        data = kept + read
        counted, line = 0, 1 + lines
        for hit in _settled(matcher.hits(data), len(data), first=not before, last=not read):
            if told.is_new(before + hit.start, before + hit.end, hit):
                line += data.count(b"\n", counted, hit.start)
                counted = hit.start
                yield Found(line, hit.form, hit.owners)
        if not read:
            return
        kept = data[-matcher.overlap :] if matcher.overlap else b""
        passed = len(data) - len(kept)
        before, lines = before + passed, lines + data.count(b"\n", 0, passed)


def _settled(hits: Iterable[Hit], size: int, *, first: bool, last: bool) -> list[Hit]:
    """The hits in order, longer ones first; without those that touch an end which is no end of the stream, and what
    comes after them: they are judged with the next chunk, when their neighbours are known."""
    found = sorted((hit for hit in hits if hit.start or first), key=lambda hit: (hit.start, -hit.end))
    horizon = size if last else min((hit.start for hit in found if hit.end >= size), default=size)
    return [hit for hit in found if hit.start < horizon]


class _Told:
    """How far each secret was told already."""

    def __init__(self) -> None:
        self._ends: dict[tuple[Owner, ...], tuple[int, str]] = {}

    def is_new(self, start: int, end: int, hit: Hit) -> bool:
        last, form = self._ends.get(hit.owners, (-1, ""))
        again = start < last or (hit.form == "line" and form in ("line", "raw") and start < last + _NEAR)
        self._ends[hit.owners] = (max(last, end), hit.form)
        return not again
