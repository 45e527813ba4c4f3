"""A block's fields as environment variables."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel
from pydantic_core import to_jsonable_python

from strongroom_blocks.errors import AmbiguousVariable
from strongroom_blocks.secrets import SECRET_KINDS, plain

if TYPE_CHECKING:
    from strongroom_blocks.block import Block


def environment_of(block: Block) -> dict[str, str]:
    """Variables ``NAME_FIELD``; a nested model spells out its fields, a list is JSON, None is left out.

    :raises AmbiguousVariable: two fields would be one variable.
    """
    origin = getattr(block, "__strongroom_origin__", None)
    prefix = origin.resolved.name if origin is not None else type(block).__block__.slug
    return variables_of(block, prefix)


def variables_of(value: Any, prefix: str) -> dict[str, str]:
    """A block or a part of one as variables in clear, each with ``prefix`` and ``_`` before its own name.

    Without a prefix fields are variables by their own names. A single value is the variable ``prefix`` itself.

    :raises AmbiguousVariable: two fields or keys, such as ``a-b`` and ``a_b``, would be one variable.
    """
    found: dict[str, str] = {}
    for variable, text in _variables(prefix, value):
        if found.setdefault(variable, text) != text:
            raise AmbiguousVariable(
                f"Two parts of one block would both be the variable {variable}.", "Rename one of them."
            )
    return found


def _variables(prefix: str, value: Any) -> list[tuple[str, str]]:
    if isinstance(value, SECRET_KINDS):
        value = value.get_secret_value()
    if isinstance(value, BaseModel):
        value = {name: getattr(value, name) for name in type(value).model_fields}
    if isinstance(value, Mapping):
        return [
            pair
            for name, item in value.items()
            for pair in _variables(f"{prefix}_{name}" if prefix else str(name), item)
        ]
    if value is None:
        return []
    return [(re.sub(r"[^A-Za-z0-9]", "_", prefix).upper(), _text(value))]


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "surrogateescape")
    told = to_jsonable_python(plain(value))
    return told if isinstance(told, str) else json.dumps(told, ensure_ascii=False)
