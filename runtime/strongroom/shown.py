"""What people see of a run's parameters: short, and without secrets."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from itertools import islice
from pathlib import PurePath
from typing import Any
from uuid import UUID

from pydantic import BaseModel
from strongroom_blocks import Block, reference_of
from strongroom_blocks.redaction import redactor
from strongroom_blocks.secrets import SECRET_KINDS, STARS

LONGEST_TEXT = 200
MOST_ITEMS = 20
DEEPEST = 4
_AS_TEXT = (datetime, date, time, timedelta, Decimal, PurePath, UUID)


def shown(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """A run's parameters as JSON can carry them and people can read them.

    Secrets are stars, and so is every secret inside a text. A data frame is ``DataFrame(100 x 3)``, a block its
    reference, anything else the name of its type. Texts are cut at 200 characters, lists and mappings at 20 items.
    """
    return {name: _safely(value) for name, value in parameters.items()}


def _safely(value: Any) -> Any:
    """What is shown of one parameter; of an object whose own methods raise, the name of its type."""
    try:
        return _shown(value, 0)
    except Exception:
        return type(value).__qualname__


def _shown(value: Any, depth: int) -> Any:
    if value is None or (isinstance(value, bool | int | float) and not isinstance(value, Enum)):
        return redactor.redact_value(value)
    if isinstance(value, SECRET_KINDS):
        return STARS
    if isinstance(value, str):
        return _cut(redactor.redact(value))
    if isinstance(value, _AS_TEXT):
        return _cut(redactor.redact(str(value)))
    if depth < DEEPEST and isinstance(value, Mapping):
        return _mapping(value, depth)
    if depth < DEEPEST and isinstance(value, list | tuple | set | frozenset):
        return _items(value, depth)
    return _named(value, depth)


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_TEXT else f"{text[:LONGEST_TEXT]}… ({len(text)} characters)"


def _mapping(value: Mapping[Any, Any], depth: int) -> dict[str, Any]:
    members = list(value.items())
    some = {_cut(redactor.redact(str(key))): _shown(member, depth + 1) for key, member in members[:MOST_ITEMS]}
    return some if len(members) <= MOST_ITEMS else {**some, "…": f"{len(members) - MOST_ITEMS} more"}


def _items(value: Collection[Any], depth: int) -> list[Any]:
    some = [_shown(member, depth + 1) for member in islice(value, MOST_ITEMS)]
    return some if len(value) <= MOST_ITEMS else [*some, f"… {len(value) - MOST_ITEMS} more"]


def _named(value: Any, depth: int) -> Any:
    kind = type(value).__qualname__
    if isinstance(value, Block):
        reference = reference_of(value)
        return kind if reference is None else f"{kind} {reference}"
    if isinstance(value, BaseModel) and depth < DEEPEST:
        return _mapping(dict(value), depth)
    if isinstance(value, Enum):
        return f"{kind}.{value.name}"
    if isinstance(value, bytes | bytearray):
        return f"{kind}({len(value)})"
    if callable(value):
        return getattr(value, "__qualname__", kind)
    shape = getattr(value, "shape", None)
    if isinstance(shape, tuple):
        return f"{kind}({' x '.join(str(size) for size in shape)})"
    return kind
