"""A block's fields as bytes and back, so that what was saved equals what is loaded, type and all.

The encoder walks the raw values: no serializer, alias or ``exclude`` of a field takes part, so no mask can be stored
for a secret. The *plain* form is JSON as pydantic reads it. Where that does not bring the same values back (a
``datetime`` in a field of type ``Any``, binary bytes, a union that JSON blurs, a nested block), the *exact* form is
taken: ``{"$exact": {...}}`` with the tags below. :func:`dump` proves the round trip before anything is written.

    {"$block": "name@3"}                               a block by reference
    {"$type": slug, "$schema": s, "$fields": {...}}    a block that was never saved, inline
    {"$secret": kind, "$value": v}                     kind: str, bytes or value
    {"$source": "vault:kv/crm#token"}                  a secret by reference
    {"$of": class, "$value": v}                        a model, dataclass, enum or named tuple that a field's type names
    {"$map": [[k, v], ...]}                            a dict with keys that are no text or start with "$"
    {"$set": [...]}  {"$frozenset": [...]}  {"$tuple": [...]}
    {"$bytes": base64}  {"$datetime": iso}  {"$decimal": text} ...
"""

from __future__ import annotations

import base64
import dataclasses
import json
import math
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from functools import lru_cache
from pathlib import Path, PosixPath
from typing import TYPE_CHECKING, Any, Protocol
from uuid import UUID

from pydantic import BaseModel, RootModel, SecretBytes, SecretStr, ValidationError
from pydantic_core import PydanticSerializationError, to_jsonable_python

from strongroom_blocks.errors import BlockNotStorable
from strongroom_blocks.secrets import SECRET_KINDS, SecretField, held

if TYPE_CHECKING:
    from strongroom_blocks.block import Block

_EXACT = b'{"$exact":'
_PLAIN_TYPES = frozenset({str, int, bool, type(None)})


class Resolver(Protocol):
    """What turns the blocks inside a payload into instances; ``path`` names the field for errors."""

    def reference(self, text: str, path: str) -> Block: ...
    def inline(self, slug: str, schema: str, fields: dict[str, Any], path: str) -> Block: ...


class NeedsExact(Exception):
    """The plain form has no word for a value."""


def is_exact(payload: bytes) -> bool:
    """Whether the payload is in the exact form."""
    return payload.startswith(_EXACT)


def encode(block: Block, *, exact: bool) -> bytes:
    """The payload of a block in one of the two forms; fields in the order of their names, so that equal means equal.

    :raises BlockNotStorable: a value that no form has a word for.
    """
    tree = _model(block, exact)
    return _json({"$exact": tree} if exact else tree)


def _json(tree: Any) -> bytes:
    return json.dumps(tree, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode("utf-8", "surrogatepass")


@lru_cache(maxsize=1024)
def field_names(cls: type[BaseModel]) -> tuple[str, ...]:
    """The fields of a model, sorted."""
    return tuple(sorted(cls.__pydantic_fields__))


def _model(model: BaseModel, exact: bool) -> dict[str, Any]:
    values = model.__dict__
    tree = {}
    for name in field_names(type(model)):
        if name in values:
            tree[name] = _field(model, name, values[name], exact)
    for name, value in sorted((model.__pydantic_extra__ or {}).items()):
        tree[name] = _value(value, exact)
    return tree


def _field(model: BaseModel, name: str, value: Any, exact: bool) -> Any:
    if type(value) in _PLAIN_TYPES:
        return value
    try:
        return _value(value, exact)
    except PydanticSerializationError:
        pass
    try:  # a type of the user's own that only its field knows how to write
        shown = model.__pydantic_serializer__.to_python(
            model, mode="json", include={name}, by_alias=False, round_trip=True
        )
        return shown[name]
    except Exception as error:
        kind = type(error).__name__
    raise BlockNotStorable(
        f'The field "{name}" of {type(model).__name__} holds a {type(value).__name__} that cannot be written: {kind}.',
        "Give its type a pydantic serializer and validator, or store a simpler value.",
    )


def _value(value: Any, exact: bool) -> Any:
    kind = type(value)
    if kind in _PLAIN_TYPES:
        return value
    encoder = _ENCODERS.get(kind)
    if encoder is None:
        encoder = next((found for base, found in _BY_BASE if isinstance(value, base)), _other)
    return encoder(value, exact)


def _float(value: float, exact: bool) -> Any:
    if math.isfinite(value):
        return value
    if not exact:
        raise NeedsExact
    return {"$float": repr(value)}


def _secret(value: Any, exact: bool) -> Any:
    plain = held(value)
    if plain is value:
        if not exact:
            raise NeedsExact
        return {"$source": value.text}
    inner = _value(plain, exact)
    if not exact:
        return inner
    kind = "str" if isinstance(value, SecretStr) else "bytes" if isinstance(value, SecretBytes) else "value"
    return {"$secret": kind, "$value": inner}


def _block(value: Block, exact: bool) -> Any:
    from strongroom_blocks import origin, schema

    if not exact:
        raise NeedsExact
    found = origin.of(value)
    if found is not None:
        return {"$block": str(found.requested)}
    cls = type(value)
    return {"$type": cls.__block__.slug, "$schema": schema.schema_text(cls), "$fields": _model(value, exact)}


def _nested(value: BaseModel, exact: bool) -> Any:
    if hasattr(type(value), "__block__"):
        return _block(value, exact)  # type: ignore[arg-type]
    tree: Any = _value(value.root, exact) if isinstance(value, RootModel) else _model(value, exact)
    return _of(value, tree, exact)


def _of(value: Any, tree: Any, exact: bool) -> Any:
    return {"$of": type(value).__name__, "$value": tree} if exact else tree


def _dataclass(value: Any, exact: bool) -> Any:
    fields = {f.name: _value(getattr(value, f.name), exact) for f in dataclasses.fields(value) if f.init}
    return _of(value, fields, exact)


def _mapping(value: Mapping[Any, Any], exact: bool) -> Any:
    pairs = [(_value(key, exact), _value(item, exact)) for key, item in value.items()]
    if all(type(key) is str and key[:1] != "$" for key in value):
        return dict(pairs)
    if exact:
        return {"$map": pairs}
    keys = [str(key) if type(key) is int else key for key, _ in pairs]
    if all(type(key) is str and key[:1] != "$" for key in keys):
        return dict(zip(keys, (item for _, item in pairs), strict=True))
    raise NeedsExact


def _array(value: Any, exact: bool) -> Any:
    return [_value(item, exact) for item in value]


def _tuple(value: tuple[Any, ...], exact: bool) -> Any:
    items = _array(value, exact)
    if hasattr(value, "_fields"):
        return _of(value, items, exact)
    return {"$tuple": items} if exact else items


def _set(value: Any, exact: bool) -> Any:
    items = sorted(_array(value, exact), key=_json)
    if not exact:
        return items
    return {"$frozenset" if isinstance(value, frozenset) else "$set": items}


def _bytes(value: bytes, exact: bool) -> Any:
    if exact:
        return {"$bytes": base64.b64encode(value).decode()}
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise NeedsExact from None


def _enum(value: Enum, exact: bool) -> Any:
    return _of(value, _value(value.value, exact), exact)


def _tagged(tag: str, text: Callable[[Any], Any]) -> Callable[[Any, bool], Any]:
    def encoder(value: Any, exact: bool) -> Any:
        return {tag: text(value)} if exact else to_jsonable_python(value)

    return encoder


def _other(value: Any, exact: bool) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _dataclass(value, exact)
    return to_jsonable_python(value)


_ENCODERS: dict[type, Callable[[Any, bool], Any]] = {
    float: _float,
    SecretStr: _secret,
    SecretBytes: _secret,
    dict: _mapping,
    list: _array,
    tuple: _tuple,
    set: _set,
    frozenset: _set,
    bytes: _bytes,
    datetime: _tagged("$datetime", datetime.isoformat),
    date: _tagged("$date", date.isoformat),
    time: _tagged("$time", time.isoformat),
    timedelta: _tagged("$timedelta", lambda value: [value.days, value.seconds, value.microseconds]),
    Decimal: _tagged("$decimal", str),
    UUID: _tagged("$uuid", str),
    PosixPath: _tagged("$path", str),
    complex: _tagged("$complex", repr),
}
_BY_BASE: list[tuple[Any, Callable[[Any, bool], Any]]] = [
    (Enum, _enum),
    (SECRET_KINDS, _secret),
    (BaseModel, _nested),
    (Mapping, _mapping),
    (tuple, _tuple),
    ((set, frozenset), _set),
    ((list,), _array),
    ((bytes, bytearray), _bytes),
    ((str, int), lambda value, exact: int(value) if isinstance(value, int) else str(value)),
]

_DECODERS: dict[str, Callable[[Any], Any]] = {
    "$float": float,
    "$bytes": base64.b64decode,
    "$set": set,
    "$frozenset": frozenset,
    "$tuple": tuple,
    "$map": dict,
    "$datetime": datetime.fromisoformat,
    "$date": date.fromisoformat,
    "$time": time.fromisoformat,
    "$timedelta": lambda parts: timedelta(*parts),
    "$decimal": Decimal,
    "$uuid": UUID,
    "$path": Path,
    "$complex": complex,
}
_SECRETS: dict[str, Callable[[Any], Any]] = {"str": SecretStr, "bytes": SecretBytes, "value": SecretField}


class Decoder:
    """Turns the tree of an exact payload into Python values.

    :param classes: the classes that the fields' types name, by name; models of others come back as dicts.
    """

    def __init__(self, resolver: Resolver, classes: Mapping[str, type]) -> None:
        self.resolver = resolver
        self.classes = classes

    def fields(self, tree: dict[str, Any], path: str = "") -> dict[str, Any]:
        """Decode the fields of a model."""
        return {name: self.value(item, f"{path}.{name}" if path else name) for name, item in tree.items()}

    def value(self, tree: Any, path: str) -> Any:
        """Decode one value."""
        if isinstance(tree, list):
            return [self.value(item, f"{path}.{index}") for index, item in enumerate(tree)]
        if not isinstance(tree, dict):
            return tree
        tag = next(iter(tree), "")
        if not tag.startswith("$"):
            return self.fields(tree, path)
        if tag == "$block":
            return self.resolver.reference(tree[tag], path)
        if tag == "$type":
            return self.resolver.inline(tree[tag], tree["$schema"], tree["$fields"], path)
        if tag == "$source":
            return _source(tree[tag])
        if tag == "$secret":
            return _SECRETS[tree[tag]](self.value(tree["$value"], path))
        if tag == "$of":
            return self._of(tree[tag], self.value(tree["$value"], path))
        return _DECODERS[tag](self.value(tree[tag], path))

    def _of(self, name: str, value: Any) -> Any:
        cls: Any = self.classes.get(name)
        if cls is None:
            return value
        try:
            if issubclass(cls, BaseModel):
                return _validator(cls, value).validate_python(value, by_name=True, by_alias=False)
            if issubclass(cls, tuple):
                return cls(*value)
            fields: Any = cls if dataclasses.is_dataclass(cls) else None
            return fields(**value) if fields is not None else cls(value)
        except (ValidationError, ValueError, TypeError):
            return value  # the class has changed: the field's own validation says what does not fit


def _source(text: str) -> Any:
    from strongroom_blocks.sources.secret_reference import SecretReference

    return SecretReference(text)


def _validator(cls: type[BaseModel], data: Any) -> Any:
    from strongroom_blocks.sources.acceptance import validator_for

    return validator_for(cls, data)
