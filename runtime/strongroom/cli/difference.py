"""What changed between two versions of a block, field by field, without ever showing a secret."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from strongroom_registry.document import Document

STARS = "********"
"""What stands in the place of a value that is not shown."""
COLOURS = {"added": "green", "removed": "red", "changed": "yellow"}
"""Those of changes, by their words."""

_MISSING = object()


class Change(NamedTuple):
    """One field: ``change`` is ``same``, ``changed``, ``added`` or ``removed``; a hidden field has no values."""

    field: str
    change: str
    hidden: bool
    old: Any = None
    new: Any = None


def compare(old: Document, new: Document) -> list[Change]:
    """The fields of both versions. Values are told of what both public projections show, of all else only whether it
    changed."""
    values = tuple(map(_fields, _in_one_form(old, new)))
    shown = _public(old.version.public), _public(new.version.public)
    changes: list[Change] = []
    for name in dict.fromkeys([*shown[1], *shown[0], *sorted(values[1]), *sorted(values[0])]):
        before, after = (tree.get(name, _MISSING) for tree in values)
        visible = all(value is _MISSING or name in seen for value, seen in zip((before, after), shown, strict=True))
        if not visible:
            changes.append(Change(name, _kind(before, after), True))
        elif before == after:
            changes.append(Change(name, "same", False, shown[0].get(name), shown[1].get(name)))
        else:
            changes += _visible(name, shown[0].get(name, _MISSING), shown[1].get(name, _MISSING))
    return changes


def _in_one_form(old: Document, new: Document) -> tuple[bytes, bytes]:
    """Both payloads in the exact form if one of them is: a block may change its form with a single field."""
    from strongroom_blocks.encoding import is_exact

    exact = is_exact(old.payload), is_exact(new.payload)
    if exact[0] == exact[1]:
        return old.payload, new.payload
    return (old.payload if exact[0] else _exact(old)), (new.payload if exact[1] else _exact(new))


def _exact(document: Document) -> bytes:
    """The payload in the exact form, where the class is there to tell; else as it is."""
    from strongroom_blocks import encoding, nesting
    from strongroom_blocks.catalog import class_for
    from strongroom_registry.errors import StrongroomError

    version = document.version
    try:
        cls = class_for(version.type)
        return encoding.encode(nesting.read(cls, document.payload, version.schema, version.document, ()), exact=True)
    except (StrongroomError, ImportError):
        return document.payload


def _fields(payload: bytes) -> dict[str, Any]:
    tree = json.loads(payload)
    fields: dict[str, Any] = tree["$exact"] if set(tree) == {"$exact"} else tree
    return fields


def _public(projection: bytes) -> dict[str, Any]:
    fields: dict[str, Any] = json.loads(projection) if projection else {}
    return fields


def _kind(before: Any, after: Any) -> str:
    if before is _MISSING:
        return "added"
    if after is _MISSING:
        return "removed"
    return "same" if before == after else "changed"


def _visible(name: str, before: Any, after: Any) -> Iterator[Change]:
    flat_before, flat_after = dict(_flat(name, before)), dict(_flat(name, after))
    told = False
    for path in dict.fromkeys([*flat_before, *flat_after]):
        kind = _kind(flat_before.get(path, _MISSING), flat_after.get(path, _MISSING))
        if kind != "same":
            told = True
            yield Change(path, kind, False, flat_before.get(path), flat_after.get(path))
    if not told:  # the part of it that is starred changed, such as the password in a URL
        yield Change(name, "changed", False, before, after)


def _flat(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping) and value:
        for key, item in value.items():
            yield from _flat(f"{path}.{key}", item)
    elif value is not _MISSING:
        yield path, value
