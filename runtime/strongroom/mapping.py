"""What ``task.map`` makes of its arguments: one set of them for each run."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from strongroom.annotations import allow_failure, quote, unmapped
from strongroom.errors import MappingLengthMismatch, MappingMissingIterable
from strongroom.futures import PrefectFuture
from strongroom.inputs import outcome


def mapped(
    name: str, parameters: Mapping[str, Any], defaults: Collection[str], rest: str | None
) -> Iterator[dict[str, Any]]:
    """One set of parameters for each element of those that can be iterated over.

    :param defaults: the parameters that the caller did not give: every run gets the default as a whole.
    :param rest: the name of ``**kwargs``, each of which is a parameter here.
    """
    flat = {key: value for key, value in parameters.items() if key != rest}
    others = {} if rest is None else parameters.get(rest, {})
    rows = _rows(name, {**flat, **others}, defaults)
    if rest is None:
        return rows
    return ({**{key: row[key] for key in flat}, rest: {key: row[key] for key in others}} for row in rows)


def _rows(name: str, parameters: Mapping[str, Any], defaults: Collection[str]) -> Iterator[dict[str, Any]]:
    whole: dict[str, Any] = {}
    each: dict[str, list[Any]] = {}
    for key, value in parameters.items():
        if key in defaults:
            whole[key] = value
            continue
        if isinstance(value, unmapped):
            whole[key] = value.value
            continue
        mark = value if isinstance(value, allow_failure | quote) else None
        inner = value.value if mark is not None else value
        if isinstance(inner, PrefectFuture):
            inner = outcome(inner, isinstance(mark, allow_failure))
        if _iterable(inner):
            each[key] = [item if mark is None else mark.rewrap(item) for item in inner]
        else:
            whole[key] = value
    if not each:
        raise MappingMissingIterable(
            f"No argument of {name}.map can be iterated over: {', '.join(parameters) or 'it takes none'}.",
            "Pass a list, or use .submit for a single run.",
        )
    lengths = {key: len(items) for key, items in each.items()}
    if len(set(lengths.values())) > 1:
        shown = ", ".join(f"{key} has {length}" for key, length in lengths.items())
        raise MappingLengthMismatch(
            f"The arguments of {name}.map are of different lengths: {shown}.",
            "Wrap what is no list of inputs in unmapped().",
        )
    count = next(iter(lengths.values()))
    return ({key: each[key][n] if key in each else whole[key] for key in parameters} for n in range(count))


def _iterable(value: Any) -> bool:
    return (
        not isinstance(value, str | bytes | bytearray)
        and hasattr(type(value), "__iter__")
        and not hasattr(value, "read")
    )
