"""Refusals that hold no input: pydantic's own errors carry what was given, which may be a secret."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from strongroom_blocks import shapes
from strongroom_blocks.errors import BlockValidationError, FieldProblem
from strongroom_blocks.redaction import redactor
from strongroom_blocks.secrets import SECRET_KINDS, STARS, held

if TYPE_CHECKING:
    from strongroom_blocks.block import Block

T = TypeVar("T")

_OUTSPOKEN = frozenset({"value_error", "assertion_error", "union_tag_invalid", "string_unicode"})


def refusal(cls: type[Block], error: ValidationError, data: Any) -> BlockValidationError:
    """The error to raise in place of pydantic's.

    A reason that may quote its input (a user's own validator, an unknown tag) is searched for every value given
    for a field that holds secrets, or for no field.

    :param data: what was given: a mapping of fields, a JSON text of one, or anything else.
    """
    inputs = sorted({text for text in _leaves(_confidential(cls, data)) if text}, key=len, reverse=True)
    problems = tuple(
        FieldProblem(
            _path(entry["loc"], inputs, cls),
            entry["type"],
            _NO_REFERENCE if _is_reference(entry["input"]) else _reason(entry["type"], entry["msg"], inputs),
        )
        for entry in error.errors(include_url=False, include_context=False)
    )
    told = "; ".join(map(str, problems))
    return BlockValidationError(f"The values do not fit {cls.__name__}: {told}.", "", problems)


def problems_of(error: ValidationError, secrets: Iterable[Any], place: str) -> tuple[FieldProblem, ...]:
    """What one of pydantic's errors says, without the input.

    :param secrets: plain values that reasons must not quote.
    :param place: the dotted path of what was validated.
    """
    inputs = sorted({text for text in _leaves(list(secrets)) if text}, key=len, reverse=True)
    return tuple(
        FieldProblem(
            ".".join([place, *(STARS if str(part) in inputs else str(part) for part in entry["loc"])]),
            entry["type"],
            _reason(entry["type"], entry["msg"], inputs),
        )
        for entry in error.errors(include_url=False, include_context=False, include_input=False)
    )


_NO_REFERENCE = "a reference to a secret fits secret fields alone"


def _is_reference(given: Any) -> bool:
    return isinstance(given, SECRET_KINDS) and held(given) is given


def reasons(error: ValidationError, plain: str | bytes) -> Iterator[str]:
    """Why a value does not fit, in words that do not quote it or a part of it."""
    inputs = list(_leaves(plain))
    with suppress(ValueError, RecursionError):
        inputs += _leaves(json.loads(plain))
    inputs = sorted(filter(None, inputs), key=len, reverse=True)
    for entry in error.errors(include_url=False, include_context=False, include_input=False):
        yield _reason(entry["type"], entry["msg"], inputs)


def _reason(kind: str, message: str, inputs: list[str]) -> str:
    message = message.removeprefix("Value error, ").removeprefix("Assertion failed, ")
    if kind not in _OUTSPOKEN and kind in _builtin_kinds():
        return message
    if any(len(text) < 4 and text in message for text in inputs):
        return "refused by its validator"
    for text in inputs:
        message = message.replace(text, STARS)
    return message


@cache
def _builtin_kinds() -> frozenset[str]:
    from pydantic_core.core_schema import ErrorType

    return frozenset(get_args(ErrorType))


def _path(location: tuple[int | str, ...], inputs: list[str], cls: type[BaseModel]) -> str:
    """Dotted, without the names that pydantic gives to the branches of a union; keys that were given are stars."""
    known = {"__root__", *cls.model_fields}
    parts: list[str] = []
    for part in location:
        text = str(part)
        secret = isinstance(part, str) and text not in known and parts and text in inputs
        parts.append(STARS if secret else text)
    return ".".join(parts)


def _confidential(cls: type[Block], data: Any) -> Any:
    """The part of the input that must not be told: all but what was given for fields without secrets."""
    if isinstance(data, str | bytes | bytearray):
        try:
            data = json.loads(data)
        except ValueError:
            return data
    if not isinstance(data, Mapping):
        return data
    harmless: set[str] = set()
    for name, field in cls.model_fields.items():
        if not shapes.holds_secret(field.annotation):
            harmless |= {name, *(alias for alias in (field.alias, field.validation_alias) if isinstance(alias, str))}
    return [value for key, value in data.items() if key not in harmless]


def _leaves(data: Any, depth: int = 0) -> Iterator[str]:
    if isinstance(data, SECRET_KINDS):
        plain = held(data)
        if plain is data:
            return  # a reference, which may be told
        data = plain
    if isinstance(data, bytes | bytearray):
        yield bytes(data).decode("utf-8", "replace")
        yield repr(bytes(data))
    elif isinstance(data, str):
        yield data
    elif depth > 32 or data is None or isinstance(data, bool):
        return
    elif isinstance(data, BaseModel):
        yield from _leaves(data.__dict__, depth + 1)
    elif isinstance(data, Mapping):
        for item in data.values():
            yield from _leaves(item, depth + 1)
    elif isinstance(data, list | tuple | set | frozenset):
        for item in data:
            yield from _leaves(item, depth + 1)
    else:
        yield str(data)


def guarded(
    cls: type[Block], validate: Callable[..., T], data: Any, keywords: dict[str, Any]
) -> T | BlockValidationError:
    """Run one of pydantic's validators; what it refuses is told without the input, by an error to raise."""
    try:
        value = validate(data, **keywords)
    except ValidationError as error:
        return refusal(cls, error, data)
    keep_out_of_logs(value)
    return value


def keep_out_of_logs(value: Any) -> None:
    """Register every secret that a value holds, so that redaction knows it; have its references fetched together."""
    references = []
    for secret in _secrets(value):
        plain = held(secret)
        if plain is secret:
            references.append(secret)
        else:
            redactor.register(plain)
            if not isinstance(plain, str | bytes):
                references += _references_in(plain)
    if references:
        sys.modules["strongroom_blocks.sources.secret_reference"].introduce(references)


def plain_secrets(value: Any) -> Iterator[Any]:
    """The plain value of every secret that ``value`` holds, at any depth; of a reference, if it was fetched already."""
    for secret in _secrets(value):
        plain = held(secret)
        if plain is not secret:
            yield plain
        elif (known := _fetched(secret)) is not None:
            yield known


def _secrets(value: Any, depth: int = 0) -> Iterator[Any]:
    """Every secret that ``value`` holds, at any depth."""
    kind = type(value)
    if kind in _HARMLESS or depth > 64:
        return
    if isinstance(value, SECRET_KINDS):
        yield value
    elif isinstance(value, BaseModel):
        for item in value.__dict__.values():
            yield from _secrets(item, depth + 1)
        for item in (value.__pydantic_extra__ or {}).values():
            yield from _secrets(item, depth + 1)
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _secrets(key, depth + 1)
            yield from _secrets(item, depth + 1)
    elif isinstance(value, list | tuple | set | frozenset):
        for item in value:
            yield from _secrets(item, depth + 1)
    elif hasattr(value, "__dataclass_fields__"):
        for name in value.__dataclass_fields__:
            yield from _secrets(getattr(value, name, None), depth + 1)


def _references_in(plain: Any) -> Iterator[Any]:
    """The references inside a secret mapping and the like."""
    sources = sys.modules.get("strongroom_blocks.sources.secret_reference")
    if sources is not None and sources.holds_reference(plain):
        yield from sources.references_in(plain)


def _fetched(reference: Any) -> str | bytes | None:
    resolving = sys.modules.get("strongroom_blocks.sources.resolver")
    return None if resolving is None else resolving.resolver.known(reference.text)


_HARMLESS = frozenset({str, int, float, bool, type(None), bytes})
