"""What a scan found, what it could not look at, and how much it looked at."""

from __future__ import annotations

from dataclasses import dataclass, field

from strongroom.scanning.matcher import Owner


@dataclass(frozen=True, slots=True)
class Finding:
    """A secret somewhere; never its value.

    ``form`` is how it stands there: ``raw``, ``url``, ``base64``, ``hex``, ``json`` (escaped), ``utf-16``, or a
    ``line`` of a value that has several. For what was found in git's history, ``commit`` is the one that brought it,
    and ``path`` the path in that commit, or ``(message)``.
    """

    owner: Owner
    path: str
    line: int
    form: str
    commit: str | None = None


@dataclass(frozen=True, slots=True)
class Skipped:
    """A secret that is not looked for, or a place that was not looked at, and why.

    ``expected`` says that it is so for what it is, and not because something failed.
    """

    what: str
    why: str
    expected: bool = False


@dataclass(slots=True)
class Scan:
    """What a scan has come to."""

    found: list[Finding] = field(default_factory=list)
    unread: list[Skipped] = field(default_factory=list)
    files: int = 0
    objects: int = 0
    bytes: int = 0
