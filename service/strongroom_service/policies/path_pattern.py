"""The paths of a rule: globs over the segments of a path, and a selector of versions behind an ``@``.

analytics/prod-*           blocks; a star stays inside its segment and never stands for a leading ':'
*/warehouse@stable         versions of blocks: by label (globs too) or by number
analytics/**               all that is beneath: blocks and the other things of a workspace
**                         everything
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

from strongroom_service.policies.glob import Glob, MalformedPattern
from strongroom_service.policies.resource import SERVICE, Selected
from strongroom_service.policies.templates import Segment, is_usable

PATTERN_MAX = 512
SEGMENTS_MAX = 8
_NUMBER = re.compile(r"[1-9][0-9]{0,8}")
_LABEL_GLOB = re.compile(r"[a-z][a-z0-9._*-]{0,63}")


@dataclass(frozen=True, slots=True)
class Selector:
    """The versions that are meant: one by its number, or those that have a label that fits a glob."""

    version: int | None = None
    label: Glob | None = None

    @staticmethod
    def parse(text: str) -> Selector:
        """Read what stands behind the ``@``.

        :raises MalformedPattern: of anything else.
        """
        if _NUMBER.fullmatch(text):
            return Selector(version=int(text))
        if not _LABEL_GLOB.fullmatch(text):
            raise MalformedPattern(
                "behind '@' stands a number or a label, which may have stars behind its first letter"
            )
        return Selector(label=Glob.parse(text))

    def matches(self, selected: Selected) -> bool:
        """Whether this version is meant."""
        if self.label is None:
            return selected.version == self.version
        return any(map(self.label.matches, selected.labels))

    def covers(self, other: Selector) -> bool:
        """Whether every version that the other one means is meant."""
        if self.label is None or other.label is None:
            return self == other
        return self.label.covers(other.label)


@dataclass(frozen=True, slots=True)
class Scope:
    """The paths of a rule for one caller, with nothing left to fill in.

    :param beneath: whether all that is beneath the segments is meant, instead of what they name themselves.
    """

    segments: tuple[Glob, ...]
    beneath: bool = False
    selector: Selector | None = None

    def fits(self, path: tuple[str, ...]) -> bool:
        """Whether a path is meant; says nothing of versions."""
        count = len(self.segments)
        if len(path) <= count if self.beneath else len(path) != count:
            return False
        return all(glob.matches(text) for glob, text in zip(self.segments, path, strict=False))

    def names_of(self, workspace: str) -> Glob | None:
        """What the names of blocks of a workspace have to fit; None where none is meant."""
        if self.segments and not self.segments[0].matches(workspace):
            return None
        if self.beneath:
            return _ANY if len(self.segments) < 2 else None
        return self.segments[1] if len(self.segments) == 2 else None

    def covers(self, other: Scope) -> bool:
        """Whether all that the other one means is meant: never said wrongly, though it may be missed."""
        if self.selector is not None and (other.selector is None or not self.selector.covers(other.selector)):
            return False
        mine, theirs = len(self.segments), len(other.segments)
        if self.beneath:
            enough = theirs + other.beneath > mine
        else:
            enough = not other.beneath and theirs == mine
        return enough and all(a.covers(b) for a, b in zip(self.segments, other.segments, strict=False))

    def meets(self, other: Scope) -> bool:
        """Whether something may be meant by both: never missed, though it may be said wrongly."""
        mine, theirs = (len(scope.segments) + scope.beneath for scope in (self, other))
        if (theirs > mine and not self.beneath) or (mine > theirs and not other.beneath):
            return False
        return all(a.meets(b) for a, b in zip(self.segments, other.segments, strict=False))


@dataclass(frozen=True, slots=True)
class PathPattern:
    """A path as a policy has it, with templates."""

    segments: tuple[Segment, ...]
    beneath: bool = False
    selector: Selector | None = None

    @staticmethod
    def parse(text: str) -> PathPattern:
        """Read a path.

        :raises MalformedPattern: of a text that is none; says what is wrong, without the text.
        """
        return _parse(text)

    def of(self, facts: Mapping[str, str]) -> Scope | None:
        """What it means for a caller; None where a template asks for what is not known of the caller."""
        globs = [segment.of(facts) for segment in self.segments]
        known = tuple(glob for glob in globs if glob is not None)
        return Scope(known, self.beneath, self.selector) if len(known) == len(globs) else None

    def lacks(self, facts: Mapping[str, str]) -> list[str]:
        """The facts that it asks for and that are not known, or cannot stand in a path."""
        asked = [name for segment in self.segments for name in segment.facts]
        return [name for name in asked if not is_usable(facts.get(name, ""))]

    def widest(self, facts: Mapping[str, str] = MappingProxyType({})) -> Scope:
        """What it means at most, for a caller of whom these facts are known, or for whomever."""
        return Scope(tuple(segment.widest(facts) for segment in self.segments), self.beneath, self.selector)


_ANY = Glob(("", ""))


@lru_cache(maxsize=4096)
def _parse(text: str) -> PathPattern:
    if len(text) > PATTERN_MAX:
        raise MalformedPattern(f"a path has at most {PATTERN_MAX} characters")
    path, at, behind = text.partition("@")
    selector = Selector.parse(behind) if at else None
    parts = path.split("/")
    beneath = parts[-1] == "**"
    if beneath:
        parts.pop()
    if len(parts) > SEGMENTS_MAX:
        raise MalformedPattern(f"a path has at most {SEGMENTS_MAX} segments")
    segments = tuple(Segment.parse(part) for part in parts)
    _check_places(parts, beneath, selector)
    return PathPattern(segments, beneath, selector)


def _check_places(parts: list[str], beneath: bool, selector: Selector | None) -> None:
    if len(parts) + beneath < 2 and not (beneath and not parts):
        raise MalformedPattern("a path has a workspace, or :service, and something in it; '**' is everything")
    if parts and parts[0].startswith(":") and parts[0] != SERVICE:
        raise MalformedPattern(f"what starts with ':' is {SERVICE}, or stands behind a workspace")
    if parts[:2] != [SERVICE, "tokens"] and any(text != text.lower() for text in parts):
        raise MalformedPattern("names are in lower case")
    is_block = len(parts) == 2 and not beneath and not any(part.startswith(":") for part in parts)
    if selector is not None and not is_block:
        raise MalformedPattern("only blocks have versions: a selector stands behind workspace/block")
    if len(parts) + beneath > 2 and parts[0] != SERVICE and not parts[1].startswith(":"):
        raise MalformedPattern("nothing is beneath a block")
    if parts[1:2] and parts[0] == SERVICE and parts[1].startswith(":"):
        raise MalformedPattern(f"the things in {SERVICE} have no ':' before them")
