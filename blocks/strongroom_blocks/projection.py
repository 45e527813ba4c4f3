"""The public projection: the fields of a block that a listing may show. What is not surely harmless is left out."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface, IPv6Network
from math import isfinite
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin
from uuid import UUID

import pydantic
from pydantic import BaseModel
from pydantic_core import to_jsonable_python

from strongroom_blocks import shapes
from strongroom_blocks.secrets import STARS, Visibility

if TYPE_CHECKING:
    from strongroom_blocks.block import Block
    from strongroom_blocks.redaction import Redactor

_SCALARS: tuple[Any, ...] = (
    str, int, float, bool, type(None), datetime, date, time, timedelta, Decimal, UUID, PurePath, Enum,
    IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface, IPv6Network, pydantic.AnyUrl,
    pydantic.AnyUrl, *pydantic.HttpUrl.__mro__[:-1], *pydantic.PostgresDsn.__mro__[:-1],
)  # fmt: skip
_CONTAINERS = (list, tuple, set, frozenset, dict)
_TELLING_NAME = re.compile(
    r"pass(word|wd|phrase)?$|secret|token|credential|api_?key|private_?key|access_?key$|^key$|dsn$|connection_?string",
    re.IGNORECASE,
)
_USERINFO = re.compile(r"(://[^/@\s:]*):[^/@\s]*@")


def project(block: Block, redactor: Redactor) -> bytes:
    """The public projection as JSON, its fields in the order of their definition; empty where the type wants none.

    :param redactor: what knows the block's own secrets; a public field that repeats one is masked.
    """
    cls = type(block)
    if not cls.__block__.public:
        return b""
    shown = {name: show(getattr(block, name)) for name, show in _plan(cls)}
    return json.dumps(redactor.redact_value(shown), ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode(
        "utf-8", "backslashreplace"
    )


@lru_cache(maxsize=1024)
def _plan(cls: type[BaseModel]) -> tuple[tuple[str, Callable[[Any], Any]], ...]:
    return tuple((name, show) for name, field in cls.model_fields.items() if (show := _shower(name, field)))


def _shower(name: str, field: Any) -> Callable[[Any], Any] | None:
    declared = next((mark for mark in field.metadata if isinstance(mark, Visibility)), None)
    if shapes.holds_secret(field.annotation, nested_blocks=False) or (declared is not None and not declared.public):
        return None
    if declared is not None:
        return _shown
    harmless = not _TELLING_NAME.search(name) and field.repr and not field.exclude and _harmless(field.annotation, ())
    return _shown if harmless else None


def _harmless(annotation: Any, inside: tuple[Any, ...]) -> bool:
    annotation = shapes.unwrapped(annotation)
    if annotation is None or get_origin(annotation) is Literal:
        return True
    if hasattr(annotation, "__block__"):
        return True  # shown as its reference alone
    if annotation in inside:
        return True
    if get_origin(annotation) is None and (fields := shapes.members(annotation)) is not None:
        open_ended = getattr(annotation, "model_config", {}).get("extra") == "allow"
        return not open_ended and all(
            not _TELLING_NAME.search(name) and _harmless(member, (*inside, annotation))
            for name, member in fields.items()
        )
    if isinstance(annotation, type) and not get_args(annotation):
        return issubclass(annotation, _SCALARS)
    origin = get_origin(annotation)
    container = origin in shapes.UNIONS or (isinstance(origin, type) and issubclass(origin, _CONTAINERS))
    return container and all(_harmless(argument, inside) for argument in shapes.arguments(annotation))


def _shown(value: Any) -> Any:
    if hasattr(type(value), "__block__"):
        origin = getattr(value, "__strongroom_origin__", None)
        return {"$block": str(origin.requested)} if origin else {"$type": type(value).__block__.slug}
    if isinstance(value, BaseModel):
        return {name: _shown(getattr(value, name)) for name in type(value).model_fields}
    if isinstance(value, Mapping):
        return {str(to_jsonable_python(key)): _shown(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_shown(item) for item in value]
    plain = to_jsonable_python(value, bytes_mode="base64")
    if isinstance(plain, float) and not isfinite(plain):
        return str(plain)  # JSON has no such number
    return _USERINFO.sub(rf"\1:{STARS}@", plain) if isinstance(plain, str) else plain
