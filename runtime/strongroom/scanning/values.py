"""Finding values that are at hand, in every form at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from strongroom_blocks.redaction import SHORT, kinds_of_bytes, kinds_of_forms

from strongroom.scanning.matcher import Hit, Owner
from strongroom.scanning.sought import Sought

BEGINNING = 4096
"""Of a longer value its beginning is looked for, in characters."""


class ValueMatcher:
    """Finds values by one automaton (Aho-Corasick) over all their forms; holds them in clear.

    A form of fewer than 8 bytes counts only where no letter or digit stands beside it.
    """

    def __init__(self, sought: Iterable[Sought]) -> None:
        from ahocorasick_rs import BytesAhoCorasick

        known: dict[bytes, tuple[str, tuple[Owner, ...]]] = {}
        for secret in sought:
            for pattern, form in _patterns(secret.value):
                former = known.get(pattern)
                known[pattern] = (form, secret.owners) if former is None else (former[0], _joined(former[1], secret))
        self._known = list(known.values())
        self._lengths = [len(pattern) for pattern in known]
        self._automaton = BytesAhoCorasick(list(known)) if known else None
        self.overlap = max(self._lengths, default=0) + 2

    def hits(self, chunk: bytes) -> Iterator[Hit]:
        """Every form of every value in a chunk."""
        if self._automaton is None:
            return
        for index, start, end in self._automaton.find_matches_as_indexes(chunk, overlapping=True):
            if self._lengths[index] >= SHORT or _stands_alone(chunk, start, end):
                form, owners = self._known[index]
                yield Hit(start, end, form, owners)


def _joined(owners: tuple[Owner, ...], other: Sought) -> tuple[Owner, ...]:
    return tuple(sorted({*owners, *other.owners}))


def _patterns(value: str | bytes) -> Iterator[tuple[bytes, str]]:
    if isinstance(value, bytes):
        value = value[:BEGINNING]
        yield value, "raw"
        for form, kind in kinds_of_bytes(value).items():
            yield form.encode(), kind
        return
    value = value[:BEGINNING]
    for form, kind in kinds_of_forms(value).items():
        yield form.encode("utf-8", "surrogatepass"), kind
    yield value.encode("utf-16-le", "surrogatepass"), "utf-16"


def _stands_alone(chunk: bytes, start: int, end: int) -> bool:
    return not chunk[max(start - 1, 0) : start].isalnum() and not chunk[end : end + 1].isalnum()
