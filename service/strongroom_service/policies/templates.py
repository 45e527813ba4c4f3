"""Templates: parts of a path that are the caller's own, such as ``team-{{identity.metadata.team}}``.

What identities are called and described by comes from people and from other systems, so a value that could mean more
than itself in a path is never put there. It is refused where it is given to somebody
(:data:`~strongroom_service.identity.people.Fact`), and counts as absent here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from strongroom_service.policies.glob import Glob, MalformedPattern

_TEMPLATE = re.compile(r"\{\{identity\.(name|kind|metadata\.[a-z0-9](?:[a-z0-9_-]{0,62}))\}\}")
_VALUE = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,126}[a-z0-9])?")


def is_usable(value: str) -> bool:
    """Whether a value can stand in a path: 1 to 128 of ``a-z 0-9 - _ .``, a letter or a digit at both ends."""
    return _VALUE.fullmatch(value) is not None


@dataclass(frozen=True, slots=True)
class Segment:
    """One segment of a path in a policy: texts and, in every other place, the names of facts."""

    parts: tuple[str, ...]

    @staticmethod
    def parse(text: str) -> Segment:
        """Read a segment.

        :raises MalformedPattern: of a text that is none.
        """
        segment = Segment(tuple(_TEMPLATE.split(text)))
        if any("{" in part or "}" in part for part in segment.parts[::2]):
            raise MalformedPattern(
                "a template is {{identity.name}}, {{identity.kind}} or {{identity.metadata.KEY}}, without blanks"
            )
        if any("**" in part for part in segment.parts[::2]):
            raise MalformedPattern("'**' stands alone in the last segment")
        segment.widest({})
        return segment

    @property
    def facts(self) -> tuple[str, ...]:
        """The facts that it asks for."""
        return self.parts[1::2]

    def of(self, facts: Mapping[str, str]) -> Glob | None:
        """The glob that it is for a caller; None where a fact is absent, or cannot stand in a path."""
        values = [facts.get(name, "") for name in self.facts]
        return self._filled(values) if all(map(is_usable, values)) else None

    def widest(self, facts: Mapping[str, str]) -> Glob:
        """The glob that it is at most: with a star for each fact that is absent, or cannot stand in a path."""
        values = [facts.get(name, "") for name in self.facts]
        return self._filled([value if is_usable(value) else "*" for value in values])

    def _filled(self, values: list[str]) -> Glob:
        parts = list(self.parts)
        parts[1::2] = values
        text = "".join(parts)
        return Glob.parse(re.sub(r"\*+", "*", text) if values else text)
