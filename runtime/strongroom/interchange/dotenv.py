"""Files of ``NAME=value`` lines, as python-dotenv reads them."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from strongroom_blocks.frames import without_frames

from strongroom.interchange.found import Found, FoundDocument, Skipped
from strongroom.interchange.strict_reading import read_file

if TYPE_CHECKING:
    from dotenv.parser import Binding


@without_frames
def from_files(paths: Iterable[str], *, together: str | None = None) -> list[Found]:
    """A secret for each variable, or one secret with all of them.

    ``${NAME}`` stands for what the file set before; the environment has no part in it.

    :param together: the name of the one secret, whose value is a mapping.
    :raises UnreadableFile: a file cannot be read.
    """
    found = [item for path in paths for item in _of_file(path)]
    values = {item.name: item.fields["value"] for item in found if isinstance(item, FoundDocument)}
    if together is None or not values:
        return found
    skipped = [item for item in found if isinstance(item, Skipped)]
    return [FoundDocument(together, together, "secret", {"value": values}), *skipped]


def _of_file(path: str) -> Iterator[Found]:
    from dotenv.parser import parse_stream

    bindings = list(parse_stream(io.StringIO(read_file(path))))
    last = {binding.key: binding.original.line for binding in bindings if binding.key is not None}
    known: dict[str, str] = {}
    for binding in bindings:
        where = f"{Path(path).name} line {binding.original.line}"
        if binding.error:
            yield Skipped(where, "it cannot be read: quotes that do not end, or no name before the =")
        elif binding.key is not None:
            value = _value(binding, known)
            if value is None:
                known.pop(binding.key, None)
            else:
                known[binding.key] = value
            yield _found(binding.key, value, binding, where, last[binding.key])


def _found(name: str, value: str | None, binding: Binding, where: str, last: int) -> Found:
    if last != binding.original.line:
        return Skipped(f"{name} ({where})", f"it is set again in line {last}, which counts")
    if binding.value is None:
        return Skipped(name, "it has no value")
    if value is None:
        return Skipped(name, "it refers to a variable that the file does not set before")
    return FoundDocument(name, name, "secret", {"value": value})


def _value(binding: Binding, known: dict[str, str]) -> str | None:
    """The value with ``${…}`` resolved; None where there is none, or where that cannot be."""
    from dotenv.variables import Literal, Variable, parse_variables

    if binding.value is None:
        return None
    parts: list[str] = []
    for atom in parse_variables(binding.value):
        if isinstance(atom, Literal):
            parts.append(atom.value)
        elif isinstance(atom, Variable):
            found = known.get(atom.name, atom.default)
            if found is None:
                return None
            parts.append(found)
    return "".join(parts)
