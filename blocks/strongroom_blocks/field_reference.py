"""One field of a stored block, named in a text: ``prod-crm#token``, ``prod-crm@stable#login.password``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel
from strongroom_registry.document import DocumentState, Reference
from strongroom_registry.errors import InvalidReference, UnknownDocument

from strongroom_blocks.errors import UnknownField
from strongroom_blocks.secrets import SECRET_KINDS, SecretBytes, SecretDict, SecretField, SecretStr

if TYPE_CHECKING:
    from strongroom_registry.registry import Registry

    from strongroom_blocks.block import Block


@dataclass(frozen=True, slots=True)
class FieldReference:
    """A block and the way into it; an empty ``path`` means the whole block.

    ``block#field.inner`` says it without doubt. ``block.field.inner`` is understood too; since names may have dots
    themselves, the registry is asked which of the possible blocks is there.
    """

    block: Reference
    path: tuple[str, ...] = ()

    @staticmethod
    def parse(text: str) -> FieldReference:
        """Read a text.

        :raises InvalidReference: it names no block, or two that are there.
        """
        if "#" in text:
            name, _, path = text.partition("#")
            return FieldReference(Reference.parse(name), tuple(path.split(".")) if path else ())
        possible = list(_readings(text))
        if not possible:
            Reference.parse(text)
        if len(possible) == 1:
            return possible[0]
        return _only(text, possible)

    def __str__(self) -> str:
        return f"{self.block}#{'.'.join(self.path)}" if self.path else str(self.block)


def _readings(text: str) -> Iterator[FieldReference]:
    """Every way to read a text with dots, the longest name first."""
    words = text.split(".")
    for end in range(len(words), 0, -1):
        try:
            block = Reference.parse(".".join(words[:end]))
        except InvalidReference:
            continue
        if all(words[end:]):
            yield FieldReference(block, tuple(words[end:]))


def _only(text: str, possible: list[FieldReference]) -> FieldReference:
    from strongroom_registry.current import current

    registry = current()
    there = [reading for reading in possible if _is_there(registry, reading.block)]
    if len(there) > 1:
        choices = " or ".join(f'"{reading.block}#{".".join(reading.path)}"' for reading in there)
        raise InvalidReference(f'"{text}" can mean several blocks.', f"Write {choices}.")
    # Where none is there, it is most likely a name with one field behind it.
    return there[0] if there else next((reading for reading in possible if reading.path), possible[0])


def _is_there(registry: Registry, reference: Reference) -> bool:
    try:
        head = registry.head(reference.name)
    except UnknownDocument:
        return False
    if reference.label is not None:
        return reference.label in head.labels
    if reference.version is not None:
        return reference.version <= head.current
    return head.state is DocumentState.LIVE


def value_at(block: Block, path: tuple[str, ...], where: str) -> Any:
    """What a block holds at a path of fields, keys and indexes; what lies inside a secret comes out as a secret.

    :param where: how errors call the block.
    :raises UnknownField: the path leads nowhere; names what there is, but not the keys of a mapping that is secret.
    """
    value: Any = block
    hidden = told = False
    for position, key in enumerate(path):
        told = isinstance(value, SecretDict) or not (hidden or isinstance(value, SECRET_KINDS))
        if isinstance(value, SECRET_KINDS):
            value, hidden = value.get_secret_value(), True
        inner = _inside(value)
        if key not in inner:
            place = ".".join((where, *path[:position]))
            known = f"There is {', '.join(sorted(inner))}." if inner and told else "Name what is there."
            known = known if inner else "It is a single value."
            raise UnknownField(f'{place} has no field "{key}".', known)
        value = inner[key]
    return as_secret(value) if hidden else value


def _inside(value: Any) -> dict[str, Any]:
    if isinstance(value, BaseModel):
        return {name: getattr(value, name) for name in type(value).model_fields}
    if isinstance(value, Mapping):
        return {str(name): item for name, item in value.items()}
    if isinstance(value, list | tuple):
        return {str(index): item for index, item in enumerate(value)}
    return {}


def as_secret(value: Any) -> Any:
    """A value in the secret kind that suits it."""
    if isinstance(value, SECRET_KINDS):
        return value
    if isinstance(value, str):
        return SecretStr(value)
    return SecretBytes(value) if isinstance(value, bytes) else SecretField[Any](value)
