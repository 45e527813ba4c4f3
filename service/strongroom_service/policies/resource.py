"""What somebody wants to do something with: a block, a version of it, or another thing of a workspace or the service.

analytics/prod-db          a block; a request for a version of it has the same path
analytics/:audit           another thing of a workspace; analytics/:sealing/results
:service/policies/reader   a thing of the service
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from strongroom_registry.document import check_name
from strongroom_registry.errors import InvalidReference

SERVICE = ":service"
_SEGMENT = re.compile(r":?[A-Za-z0-9](?:[A-Za-z0-9._:-]{0,126}[A-Za-z0-9])?")


@dataclass(frozen=True, slots=True)
class Selected:
    """The one version that a request is about: its number, and the labels that it has now.

    ``latest`` is among the labels of the current version. Where a label is put on a version or taken away, ``labels``
    is that label alone.
    """

    version: int
    labels: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Resource:
    """A thing, by its path. Made by :func:`block`, :func:`part`, :func:`service`, which check the names.

    ``selected`` tells which version is meant. It is called at most once a decision, and only where a rule with a
    selector could turn it; without it the whole of the thing is meant, every version.
    """

    path: tuple[str, ...]
    selected: Callable[[], Selected] | None = field(default=None, compare=False, repr=False)

    @property
    def is_block(self) -> bool:
        """Whether it is a block, which has versions."""
        return len(self.path) == 2 and not self.path[0].startswith(":") and not self.path[1].startswith(":")

    @property
    def workspace(self) -> str | None:
        """The workspace that it is in; None for a thing of the service."""
        return None if self.path[0] == SERVICE else self.path[0]

    @staticmethod
    def parse(text: str) -> Resource:
        """Read a path such as ``analytics/prod-db``, without a selector.

        :raises InvalidReference: of anything else.
        """
        path = tuple(text.split("/"))
        if path[0] == SERVICE and len(path) > 1:
            return service(*path[1:])
        if path[0] == SERVICE or len(path) < 2:
            raise _no_path(text)
        if path[1].startswith(":"):
            return part(path[0], path[1][1:], *path[2:])
        if len(path) != 2:
            raise _no_path(text)
        return block(*path)

    def __str__(self) -> str:
        return "/".join(self.path)


def block(workspace: str, name: str, selected: Callable[[], Selected] | None = None) -> Resource:
    """A block of a workspace.

    :param selected: which version is meant, where it is a single one.
    :raises InvalidReference: a name that is none.
    """
    return Resource((check_name(workspace), check_name(name)), selected)


def part(workspace: str, what: str, *beneath: str) -> Resource:
    """Another thing of a workspace: ``part("analytics", "sealing", "results")`` is ``analytics/:sealing/results``.

    :raises InvalidReference: a name that is none.
    """
    return Resource((check_name(workspace), f":{what}", *_checked(what, *beneath)[1:]))


def service(what: str, *beneath: str) -> Resource:
    """A thing of the service: ``service("policies", "reader")`` is ``:service/policies/reader``.

    :raises InvalidReference: a name that is none.
    """
    return Resource((SERVICE, *_checked(what, *beneath)))


def _checked(*segments: str) -> tuple[str, ...]:
    for segment in segments:
        if segment.startswith(":") or not _SEGMENT.fullmatch(segment):
            raise InvalidReference(
                f"{segment!r:.140} is no name.",
                "Use 1 to 128 of letters, digits, '-', '_', '.', ':', with a letter or a digit at both ends.",
            )
    return segments


def _no_path(text: str) -> InvalidReference:
    return InvalidReference(
        f"{text!r:.140} is no path of a thing.",
        'Write "workspace/block", "workspace/:audit" or ":service/policies/name".',
    )
