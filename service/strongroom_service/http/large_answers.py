"""Which paths answer with much: to put that together takes long, so it is not done where everybody else waits."""

from __future__ import annotations

from collections import OrderedDict

LARGE = 256 * 1024
"""From how many bytes on an answer is large."""
_KEPT = 4096


class LargeAnswers:
    """The paths whose last answer was large, as far as this process knows; those that were asked for last are kept."""

    def __init__(self) -> None:
        self._paths: OrderedDict[str, None] = OrderedDict()

    def __contains__(self, path: str) -> bool:
        return path in self._paths

    def note(self, path: str, size: int) -> None:
        """Take note of an answer that was given."""
        self._paths.pop(path, None)
        if size >= LARGE:
            self._paths[path] = None
            if len(self._paths) > _KEPT:
                self._paths.popitem(last=False)
