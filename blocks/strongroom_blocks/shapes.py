"""Walks over annotations: what classes a type names, where its secrets are, how it is described."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Iterator, Mapping
from enum import Enum
from functools import lru_cache
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel
from typing_extensions import TypeAliasType, is_typeddict

from strongroom_blocks.secrets import SECRET_KINDS

UNIONS = (Union, types.UnionType)
_ALIASES: tuple[Any, ...] = (TypeAliasType, getattr(typing, "TypeAliasType", TypeAliasType))


def unwrapped(annotation: Any) -> Any:
    """The annotation without ``Annotated``, ``Required`` and the like, with type aliases followed."""
    while True:
        origin = get_origin(annotation)
        if origin is Annotated or origin in (typing.Required, typing.NotRequired, typing.Final, typing.ClassVar):
            annotation = get_args(annotation)[0]
        elif isinstance(annotation, _ALIASES):
            annotation = annotation.__value__
        elif isinstance(origin, _ALIASES):
            annotation = origin.__value__[get_args(annotation)]
        elif isinstance(annotation, TypeVar):
            annotation = _bound(annotation)
        elif hasattr(annotation, "__supertype__"):  # NewType
            annotation = annotation.__supertype__
        else:
            return annotation


def _bound(variable: TypeVar) -> Any:
    if variable.__constraints__:
        return Union[variable.__constraints__]  # noqa: UP007  a tuple of types known at run time
    return variable.__bound__ or Any


def arguments(annotation: Any) -> tuple[Any, ...]:
    """The types inside an unwrapped generic annotation; of a callable or literal, none."""
    if get_origin(annotation) is Literal:
        return ()
    flat = []
    for argument in get_args(annotation):
        flat += argument if isinstance(argument, list) else [argument]
    return tuple(item for item in flat if item is not Ellipsis)


def members(cls: Any) -> dict[str, Any] | None:
    """The fields of a model, dataclass, typed dict or named tuple with their annotations; None for other classes."""
    if not isinstance(cls, type):
        return None
    if issubclass(cls, BaseModel):
        return model_members(cls)
    if dataclasses.is_dataclass(cls) or is_typeddict(cls) or (issubclass(cls, tuple) and hasattr(cls, "_fields")):
        try:
            return typing.get_type_hints(cls, include_extras=True)
        except NameError:
            return None
    return None


def model_members(cls: type[BaseModel]) -> dict[str, Any]:
    """The fields of a model, after names that were not yet defined with its class have been looked up."""
    if not cls.__pydantic_complete__:
        cls.model_rebuild(raise_errors=False)
    return {name: _annotated(field) for name, field in cls.model_fields.items()}


def _annotated(field: Any) -> Any:
    return Annotated[(field.annotation, *field.metadata)] if field.metadata else field.annotation


def classes(cls: type[BaseModel]) -> Mapping[str, type]:
    """Every class that the fields' types name, at any depth, by its name."""
    return _classes(cls)


@lru_cache(maxsize=1024)
def _classes(cls: type[BaseModel]) -> Mapping[str, type]:
    found: dict[str, type] = {}
    for kind in _walk(cls, set()):
        found.setdefault(kind.__name__, kind)
    found.pop(cls.__name__, None)
    return types.MappingProxyType(found)


def _walk(annotation: Any, seen: set[Any]) -> Iterator[type]:
    annotation = unwrapped(annotation)
    for argument in arguments(annotation):
        yield from _walk(argument, seen)
    cls = annotation if isinstance(annotation, type) and not get_args(annotation) else get_origin(annotation)
    if not isinstance(cls, type) or cls in seen:
        return
    seen.add(cls)
    yield cls
    for member in (members(cls) or {}).values():
        yield from _walk(member, seen)


def holds_secret(annotation: Any, *, nested_blocks: bool = True) -> bool:
    """Whether a value of this type may hold a secret kind, at any depth, by default inside other blocks too."""
    return _holds_secret(annotation, (), nested_blocks)


def _holds_secret(annotation: Any, inside: tuple[Any, ...], nested_blocks: bool) -> bool:
    annotation = unwrapped(annotation)
    if not nested_blocks and hasattr(annotation, "__block__"):
        return False
    cls = annotation if isinstance(annotation, type) else get_origin(annotation)
    if isinstance(cls, type) and issubclass(cls, SECRET_KINDS):
        return True
    if (fields := members(annotation)) is None and (fields := members(cls)) is None:
        return any(_holds_secret(argument, inside, nested_blocks) for argument in arguments(annotation))
    deeper = (*inside, annotation)
    return annotation not in inside and any(_holds_secret(it, deeper, nested_blocks) for it in fields.values())


def _describe(annotation: Any, inside: tuple[Any, ...]) -> str:
    """A type in words that stay the same when fields are reordered, titled or described anew."""
    annotation = unwrapped(annotation)
    if annotation is None or annotation is type(None):
        return "null"
    origin = get_origin(annotation)
    if origin is Literal:
        return f"literal[{','.join(sorted(map(repr, get_args(annotation))))}]"
    if origin in UNIONS:
        return f"union[{','.join(sorted(_describe(a, inside) for a in get_args(annotation)))}]"
    if origin is not None:
        return f"{_describe(origin, inside)}[{','.join(_describe(a, inside) for a in arguments(annotation))}]"
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return f"enum[{','.join(sorted(repr(member.value) for member in annotation))}]"
    fields = members(annotation)
    name = str(getattr(annotation, "__name__", annotation))
    if fields is None or annotation in inside:
        return name
    if inside and hasattr(annotation, "__block__"):
        return f"block[{annotation.__block__.slug}]"  # a nested block has a schema of its own
    return described_fields(fields, required_fields(annotation), (*inside, annotation))


def described_fields(fields: Mapping[str, Any], required: frozenset[str], inside: tuple[Any, ...]) -> str:
    """Fields in the order of their names."""
    words = [f"{name}{'' if name in required else '?'}:{_describe(fields[name], inside)}" for name in sorted(fields)]
    return "{" + ",".join(words) + "}"


def required_fields(cls: Any) -> frozenset[str]:
    """The names of the fields that have no default."""
    if isinstance(cls, type) and issubclass(cls, BaseModel):
        return frozenset(name for name, field in cls.model_fields.items() if field.is_required())
    if dataclasses.is_dataclass(cls):
        missing = dataclasses.MISSING
        fields = dataclasses.fields(cls)
        return frozenset(f.name for f in fields if f.default is missing and f.default_factory is missing)
    return frozenset(getattr(cls, "__required_keys__", getattr(cls, "_fields", ())))
