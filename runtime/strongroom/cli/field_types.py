"""What a field's type says to a form: whether it is secret, a block, a text, or one of a few words."""

from __future__ import annotations

import types
from collections.abc import Sequence
from enum import Enum
from typing import TYPE_CHECKING, Any, Literal, Union, get_args, get_origin

if TYPE_CHECKING:
    from strongroom_blocks import Block

_WORDS: dict[Any, str] = {
    bool: "true or false",
    int: "a number",
    float: "a number",
    list: "a JSON list",
    dict: "a JSON object",
    set: "a JSON list",
    tuple: "a JSON list",
}

_SHORT = 32
"""How long the types inside a container may be in a listing; beyond it, the container's name has to do."""


def alternatives(annotation: Any) -> list[Any]:
    """The types that a value may have: the members of a union without None, or the type itself."""
    from strongroom_blocks.shapes import arguments, unwrapped

    annotation = unwrapped(annotation)
    if get_origin(annotation) in (Union, types.UnionType):
        return [found for argument in arguments(annotation) for found in alternatives(argument)]
    return [] if annotation in (None, type(None)) else [annotation]


def class_of(annotation: Any) -> Any:
    """The class behind an annotation, parametrised or not."""
    return annotation if isinstance(annotation, type) and not get_args(annotation) else get_origin(annotation)


def annotation_at(annotation: Any, keys: Sequence[str]) -> Any:
    """The type of what ``keys`` lead to inside a value; ``Any`` where the types do not tell."""
    from strongroom_blocks.shapes import members

    for key in keys:
        found = [
            fields[key] for kind in alternatives(annotation) if (fields := members(class_of(kind))) and key in fields
        ]
        if not found:
            return Any
        annotation = found[0]
    return annotation


def is_secret(annotation: Any, keys: Sequence[str] = ()) -> bool:
    """Whether any part of a value is secret; with ``keys``, of what they lead to. Where types do not tell, it is."""
    from strongroom_blocks.shapes import holds_secret

    inner = annotation_at(annotation, keys)
    if block_class(inner) is not None:
        return False  # it is given, stored and shown by name
    return holds_secret(annotation if inner is Any and keys else inner)


def is_secret_mapping(annotation: Any) -> bool:
    """Whether it is a mapping of names to secrets."""
    from strongroom_blocks.secrets import SecretDict

    return any(_is(kind, SecretDict) for kind in alternatives(annotation))


def block_class(annotation: Any) -> type[Block] | None:
    """The block type that a field holds by name, if it holds one."""
    from strongroom_blocks import Block

    found = next((kind for kind in alternatives(annotation) if _is(kind, Block)), None)
    return None if found is None else class_of(found)


def takes_text(annotation: Any) -> bool:
    """Whether a plain text is a value already, so that "12345" and "true" stay what they are."""
    from strongroom_blocks.secrets import SECRET_KINDS

    for kind in alternatives(annotation) or [Any]:
        if kind is Any or class_of(kind) in (str, bytes, object):
            return True
        if _is(kind, SECRET_KINDS) and not is_secret_mapping(kind):
            inner = get_args(kind)
            return not inner or takes_text(inner[0])
    return False


def what_to_type(annotation: Any) -> str:
    """What is expected, in words, where it is not just a text."""
    words: list[str] = []
    for kind in alternatives(annotation):
        cls = class_of(kind)
        if cls is Literal:
            words += [str(choice) for choice in get_args(kind)]
        elif isinstance(cls, type) and issubclass(cls, Enum):
            words += [str(choice.value) for choice in cls]
        elif cls in _WORDS:
            words.append(_WORDS[cls])
    return " or ".join(dict.fromkeys(words))


def _is(annotation: Any, kinds: Any) -> bool:
    cls = class_of(annotation)
    return isinstance(cls, type) and issubclass(cls, kinds)


def type_text(annotation: Any) -> str:
    """A type in a few words, for a listing."""
    words = []
    for kind in alternatives(annotation):
        cls = class_of(kind)
        identity = getattr(cls, "__block__", None)
        if kind is Any:
            words.append("anything")
        elif cls is Literal:
            words.append(" | ".join(map(str, get_args(kind))))
        elif identity is not None:
            words.append(f"block {identity.slug}")
        elif get_args(kind):
            inner = ", ".join(filter(None, map(type_text, get_args(kind))))
            words.append(f"{cls.__name__}[{inner}]" if 0 < len(inner) <= _SHORT else cls.__name__)
        else:
            words.append(getattr(cls, "__name__", str(kind)))
    return " | ".join(dict.fromkeys(words))
