"""How pydantic describes its secret types in core schemas: found out by asking for the schema of one of each."""

from __future__ import annotations

from functools import cache
from types import CodeType
from typing import Any

from pydantic import Secret as SecretField
from pydantic import SecretBytes, SecretStr, TypeAdapter


@cache
def serializer_code() -> CodeType:
    """The code that writes a ``SecretStr`` or ``SecretBytes``."""
    schema: Any = TypeAdapter(SecretStr).core_schema
    code: CodeType = schema["lax_schema"]["serialization"]["function"].__code__
    return code


@cache
def validator_code() -> CodeType:
    """The code that validates a ``Secret[T]``."""
    schema: Any = TypeAdapter(SecretField[int]).core_schema
    code: CodeType = schema["python_schema"]["function"]["function"].__code__
    return code


def secret_class(node: dict[str, Any]) -> type | None:
    """The secret class that a node of a core schema is for, None for any other node."""
    kind = node.get("type")
    if kind == "lax-or-strict":
        return _text_class(node["lax_schema"])
    if kind == "json-or-python":
        return _generic_class(node)
    return None


def _text_class(node: dict[str, Any]) -> type | None:
    choices = node.get("python_schema", {}).get("choices") or ()
    first = choices[0] if choices else None
    cls = first.get("cls") if isinstance(first, dict) else None
    return cls if isinstance(cls, type) and issubclass(cls, SecretStr | SecretBytes) else None


def _generic_class(node: dict[str, Any]) -> type | None:
    inner = node["python_schema"]
    function = inner.get("function", {}).get("function") if inner.get("type") == "function-wrap" else None
    code = getattr(function, "__code__", None)
    if function is None or code is not validator_code():
        return None
    cells = dict(zip(code.co_freevars, function.__closure__ or (), strict=True))
    cls = cells["cls"].cell_contents
    return cls if isinstance(cls, type) else None
