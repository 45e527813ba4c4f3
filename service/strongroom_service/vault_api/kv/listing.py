"""What stands right beneath a path: names of secrets, and folders with a slash."""

from __future__ import annotations

from collections.abc import Iterable


def beneath(paths: Iterable[str], prefix: str) -> list[str]:
    """The next step of each path beneath a prefix, sorted, each once."""
    start = f"{prefix}/" if prefix else ""
    steps = set()
    for path in paths:
        if path.startswith(start):
            step, slash, _ = path[len(start) :].partition("/")
            steps.add(step + slash)
    return sorted(steps)
