"""A glob over one segment of a path: literal characters and ``*``, matched in time that grows with the text alone."""

from __future__ import annotations

import re
from dataclasses import dataclass

_LITERAL = re.compile(r"[A-Za-z0-9._:-]*")


class MalformedPattern(ValueError):
    """A text that is no pattern; says what is wrong with it, without the text."""


@dataclass(frozen=True, slots=True)
class Glob:
    """``prod-*``: the pieces of text between the stars. One piece has no star; a star stands for any characters, none
    included, but never for a leading ``:``, by which things other than blocks are known."""

    pieces: tuple[str, ...]

    @staticmethod
    def parse(text: str) -> Glob:
        """Read a glob.

        :raises MalformedPattern: of a text that is none.
        """
        pieces = text.split("*")
        if not text or any(_LITERAL.fullmatch(piece) is None for piece in pieces):
            raise MalformedPattern("a segment has letters, digits, '-', '_', '.', ':' and '*', at least one of them")
        if "" in pieces[1:-1]:
            raise MalformedPattern("'**' stands alone in the last segment")
        if "::" in text:
            raise MalformedPattern("nothing has '::' in its name")
        if not text.strip("."):
            raise MalformedPattern("'.' and '..' are no segments")
        return Glob(tuple(pieces))

    @property
    def is_literal(self) -> bool:
        """Whether it fits one text alone."""
        return len(self.pieces) == 1

    def matches(self, text: str) -> bool:
        """Whether it fits the whole of ``text``."""
        head = self.pieces[0]
        if len(self.pieces) == 1:
            return text == head
        if text.startswith(":") and not head:
            return False
        return self._stars_match(text)

    def covers(self, other: Glob) -> bool:
        """Whether whatever fits ``other`` fits this: never said wrongly, though it may be missed.

        A star of the other one is matched as a character that only a star can take.
        """
        return self.matches("*".join(other.pieces))

    def meets(self, other: Glob) -> bool:
        """Whether some text may fit both: never missed, though it may be said wrongly of two with stars."""
        if self.is_literal:
            return other.matches(self.pieces[0])
        if other.is_literal:
            return self.matches(other.pieces[0])
        if self._is_marked != other._is_marked:
            return False
        heads, tails = (self.pieces[0], other.pieces[0]), (self.pieces[-1], other.pieces[-1])
        return _agree(*heads) and _agree(*(tail[::-1] for tail in tails))

    @property
    def _is_marked(self) -> bool:
        return self.pieces[0].startswith(":")

    def _stars_match(self, text: str) -> bool:
        head, *middle, tail = self.pieces
        end = len(text) - len(tail)
        at = len(head)
        if end < at or not text.startswith(head) or not text.endswith(tail):
            return False
        for piece in middle:
            found = text.find(piece, at, end)
            if found < 0:
                return False
            at = found + len(piece)
        return True


def _agree(one: str, other: str) -> bool:
    return one.startswith(other) or other.startswith(one)
