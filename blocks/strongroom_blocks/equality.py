"""Whether two blocks hold the same values, type and all: what the proof of a round trip asks."""

from __future__ import annotations

import math
from collections.abc import Mapping
from enum import Enum
from typing import Any

from pydantic import BaseModel

from strongroom_blocks.secrets import SECRET_KINDS, held


def difference(one: BaseModel, other: BaseModel) -> str | None:
    """The first field in which two models of one class differ; None where there is none, "" for the class itself."""
    if type(one) is not type(other):
        return ""
    names = {**one.__dict__, **other.__dict__}
    fields = type(one).model_fields
    for name in names:
        if name in fields and not same(one.__dict__.get(name), other.__dict__.get(name)):
            return name
    return None if same(one.__pydantic_extra__, other.__pydantic_extra__) else "extra fields"


def same(one: Any, other: Any) -> bool:
    """Whether two values are equal and of the same type, at any depth; NaN equals NaN.

    References to secrets are the same if their texts are: what type they are of is up to where they stand.
    """
    if one is other:
        return True
    kind = type(one)
    if kind is not type(other):
        return isinstance(one, SECRET_KINDS) and held(one) is one and one == other
    if isinstance(one, BaseModel):
        return difference(one, other) is None
    if isinstance(one, SECRET_KINDS):
        plain = held(one)
        return bool(one == other) if plain is one else same(plain, held(other))
    if isinstance(one, float):
        return one == other or (math.isnan(one) and math.isnan(other))
    if isinstance(one, Mapping):
        return len(one) == len(other) and all(map(_same_pair, one.items(), other.items()))
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, set | frozenset):
        return _same_set(one, other)
    if isinstance(one, Enum):
        return False
    if getattr(kind, "__eq__", None) is object.__eq__ or hasattr(kind, "__dataclass_fields__"):
        return _same_attributes(one, other)
    return bool(one == other)


def _same_pair(one: tuple[Any, Any], other: tuple[Any, Any]) -> bool:
    return same(one[0], other[0]) and same(one[1], other[1])


def _same_set(one: Any, other: Any) -> bool:
    if len(one) != len(other):
        return False
    if not any(isinstance(item, tuple | frozenset) for item in one):
        return {(type(item), item) for item in one} == {(type(item), item) for item in other}
    rest = list(other)  # equal tuples may hold values of unequal types
    for item in one:
        found = next((index for index, candidate in enumerate(rest) if same(item, candidate)), None)
        if found is None:
            return False
        del rest[found]
    return True


def _same_attributes(one: Any, other: Any) -> bool:
    names = getattr(one, "__dataclass_fields__", None) or getattr(one, "__dict__", None)
    if names is None:
        return False
    return all(same(getattr(one, name, None), getattr(other, name, None)) for name in names)
