"""The path of a rule: ``+`` stands for one segment, ``*`` at the end for whatever follows.

Where several patterns fit a path, one of them counts: the most specific, by the order that Vault documents.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property, total_ordering

PATTERN_MAX = 1024


@total_ordering
@dataclass(frozen=True)
class PathPattern:
    """A pattern. The greater of two is the more specific one.

    A pattern is less specific than another if its first wildcard stands further left; if it ends with ``*`` and the
    other does not; if it has more ``+`` segments; if it is shorter; or else if it comes first in the alphabet.
    """

    text: str

    @staticmethod
    def parse(text: str) -> PathPattern | None:
        """Read a pattern, with or without a slash before; None where it is none."""
        text = text.removeprefix("/")
        if not text or len(text) > PATTERN_MAX or "*" in text[:-1] or f"/{text}".endswith("/+*"):
            return None
        return PathPattern(text)

    @property
    def is_exact(self) -> bool:
        """Whether it fits one path alone."""
        return not self.text.endswith("*") and self._pluses == 0

    def matches(self, path: str) -> bool:
        """Whether it fits a path, which has no slash before."""
        if self._pluses == 0:
            return path.startswith(self.text[:-1]) if self.text.endswith("*") else path == self.text
        return self._expression.fullmatch(path) is not None

    def may_lie_beneath(self, start: str) -> bool:
        """Whether some path that begins with ``start``, which ends with a slash, fits it."""
        is_open = self.text.endswith("*")
        segments, wanted = self.text.removesuffix("*").split("/"), start.split("/")[:-1]
        for own, other in zip(segments, wanted, strict=False):
            if own not in ("+", other):
                return is_open and own is segments[-1] and other.startswith(own)
        return is_open or len(segments) > len(wanted)

    def __lt__(self, other: PathPattern) -> bool:
        return self._rank < other._rank

    @property
    def _rank(self) -> tuple[bool, int, bool, int, int, str]:
        return (
            self.is_exact,
            self._first_wildcard,
            not self.text.endswith("*"),
            -self._pluses,
            len(self.text),
            self.text,
        )

    @cached_property
    def _pluses(self) -> int:
        return sum(segment == "+" for segment in self.text.split("/"))

    @cached_property
    def _first_wildcard(self) -> int:
        at = [len(self.text)]
        if self.text.endswith("*"):
            at.append(len(self.text) - 1)
        if self._pluses:
            at.append(f"/{self.text}/".index("/+/"))
        return min(at)

    @cached_property
    def _expression(self) -> re.Pattern[str]:
        is_open, text = self.text.endswith("*"), self.text.removesuffix("*")
        segments = ["[^/]+" if segment == "+" else re.escape(segment) for segment in text.split("/")]
        return re.compile("/".join(segments) + (".*" if is_open else ""), re.DOTALL)
