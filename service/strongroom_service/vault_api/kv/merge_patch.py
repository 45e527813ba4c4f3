"""Merge patches (RFC 7386): what is named is set, what is set to null goes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def merged(target: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """An object after a merge patch. Both are nested no deeper than the service lets JSON be."""
    result = dict(target)
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, Mapping):
            former = result.get(key)
            result[key] = merged(former if isinstance(former, Mapping) else {}, value)
        else:
            result[key] = value
    return result


def shape(value: Any, depth: int) -> Any:
    """An object with null in the place of each value that is none, or that lies deeper than ``depth`` levels.

    :param depth: 0 for as deep as it goes.
    """
    if not isinstance(value, Mapping) or not value:
        return None
    return {key: shape(inner, depth - 1) if depth != 1 else None for key, inner in value.items()}
