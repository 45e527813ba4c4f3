"""The fields of a block as plain JSON, without what Strongroom writes down to find their types again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from strongroom_service.errors import InvalidRequest

_KEPT = frozenset({"$block", "$source"})
"""What points at something else: it is shown as it is, since that has rights of its own."""


def plain_fields(payload: bytes) -> dict[str, Any]:
    """The fields in the payload of a block.

    Secrets stand there as they are; dates, decimals and the like as texts, bytes in base64, sets and tuples as lists.
    A field that refers to another block or to another manager's secret says what it refers to: ``{"$block": "crm@3"}``.

    :raises InvalidRequest: the document is no block.
    """
    try:
        tree = json.loads(payload)
    except ValueError:
        tree = None
    if not isinstance(tree, dict):
        raise InvalidRequest("the document is no block, and has no fields")
    found = tree["$exact"] if tree.keys() == {"$exact"} else tree
    fields: dict[str, Any] = plain(found)
    return fields


def plain(tree: Any) -> Any:
    """One value of a payload as plain JSON."""
    if isinstance(tree, list):
        return [plain(one) for one in tree]
    if not isinstance(tree, Mapping):
        return tree
    tag = next((key for key in tree if key.startswith("$")), None)
    if tag is None:
        return {key: plain(value) for key, value in tree.items()}
    if tag in _KEPT:
        return dict(tree)
    if "$fields" in tree:
        return plain(tree["$fields"])
    if "$value" in tree:
        return plain(tree["$value"])
    if tag == "$map":
        return _map(tree[tag])
    return plain(tree[tag])


def _map(pairs: list[Any]) -> Any:
    """An object where its keys are texts, else a list of pairs."""
    plain_pairs = [(plain(key), plain(value)) for key, value in pairs]
    if all(isinstance(key, str) for key, _ in plain_pairs):
        return dict(plain_pairs)
    return [list(pair) for pair in plain_pairs]
