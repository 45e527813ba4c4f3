"""The example of a block type: the values that its class gives, and how they are written in Python.

A type says its example as pydantic models do, in the schema that it has::

    model_config = ConfigDict(json_schema_extra={"examples": [{"url": "https://crm.example.com", "token": "…"}]})

Secrets in it are written as ``…``. A block in a field that takes any type is written as in a payload, with its type
alone: ``{"$type": "duckdb", "$fields": {"path": "shop.duckdb"}}``.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from enum import Enum
from importlib import import_module
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

if TYPE_CHECKING:
    from strongroom_blocks import Block

HIDDEN = "…"
"""What stands for a secret in an example."""

_WIDTH = 88


def example_values(cls: type[Block]) -> dict[str, Any] | None:
    """The first example of a type, as the values of its fields; None where the class gives none."""
    extra = cls.model_config.get("json_schema_extra")
    examples = extra.get("examples") if isinstance(extra, Mapping) else None
    if not isinstance(examples, list) or not examples or not isinstance(examples[0], dict):
        return None
    return examples[0]


def example_of(cls: type[Block], values: dict[str, Any]) -> Block:
    """The block that an example, or another one like it, describes.

    :raises BlockValidationError: it does not fit the class.
    :raises UnknownBlockType: it names a type that is not installed.
    """
    return cls.model_validate({name: _typed(value) for name, value in values.items()})


def _typed(value: Any) -> Any:
    if isinstance(value, list):
        return [_typed(item) for item in value]
    if not isinstance(value, dict):
        return value
    if set(value) == {"$type", "$fields"}:
        from strongroom_blocks.catalog import class_for

        return example_of(class_for(value["$type"]), value["$fields"])
    return {name: _typed(item) for name, item in value.items()}


def example_code(cls: type[Block], name: str | None = None) -> str | None:
    """How the example is made, saved and loaded, in Python; None where the class gives none.

    :param name: that it is saved under; by default one made from the type's slug.
    :raises BlockValidationError: the example does not fit the class.
    """
    values = example_values(cls)
    if values is None:
        return None
    made = example_of(cls, values)
    name = name or f"my-{cls.__block__.slug}"
    classes: dict[str, set[str]] = {}
    call = _written(made, classes, 0, len(f'.save("{name}")'))
    imports = [f"from {home} import {', '.join(sorted(names))}" for home, names in sorted(classes.items())]
    return "\n".join([*imports, "", f'{call}.save("{name}")', f'found = {cls.__name__}.load("{name}")', ""])


def home_of(cls: type) -> str:
    """Where a class is imported from: the top-level package, if that has it, else the module that defines it."""
    top = cls.__module__.partition(".")[0]
    top = "strongroom" if top == "strongroom_blocks" else top
    return top if getattr(import_module(top), cls.__name__, None) is cls else cls.__module__


def _written(value: Any, classes: dict[str, set[str]], depth: int, behind: int = 0) -> str:
    """A value as Python source, over several lines where one is too short; notes the classes that it names."""
    from strongroom_blocks.secrets import SECRET_KINDS, plain

    if isinstance(value, BaseModel):
        cls = type(value)
        classes.setdefault(home_of(cls), set()).add(cls.__name__)
        named = [name for name in cls.model_fields if name in value.model_fields_set]
        parts = [f"{name}={_written(getattr(value, name), classes, depth + 1)}" for name in named]
        return _enclosed(f"{cls.__name__}(", parts, ")", depth, behind)
    if isinstance(value, SECRET_KINDS):
        value = plain(value)
    if isinstance(value, Mapping):
        parts = [f"{_text(key)}: {_written(item, classes, depth + 1)}" for key, item in value.items()]
        return _enclosed("{", parts, "}", depth, behind)
    if isinstance(value, list | tuple | set | frozenset):
        return _enclosed("[", [_written(item, classes, depth + 1) for item in value], "]", depth, behind)
    return _text(value)


def _enclosed(begin: str, parts: list[str], end: str, depth: int, behind: int) -> str:
    line = f"{begin}{', '.join(parts)}{end}"
    if len(line) + 4 * depth + behind <= _WIDTH and "\n" not in line:
        return line
    inside = textwrap.indent("\n".join(f"{part}," for part in parts), "    ")
    return f"{begin}\n{inside}\n{end}"


def _text(value: Any) -> str:
    if isinstance(value, Enum):
        value = value.value
    if value is None or isinstance(value, bool | int | float):
        return repr(value)
    return f'"{value}"' if '"' not in str(value) and "\\" not in repr(str(value)) else repr(str(value))
