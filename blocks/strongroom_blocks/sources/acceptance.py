"""Validators that take references in, made of a model's own schema when the first reference turns up.

In each place for a secret the model's validator is asked as ever, unless a reference is given. That is taken in as it
is; constraints and validators of the field wait for the secret itself. Plain models and dataclasses that were made
with references are validated once more, so that each reference gets to know its field.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from functools import cached_property, lru_cache
from typing import Any

from pydantic import BaseModel, SecretBytes, SecretStr, ValidationError
from pydantic import Secret as SecretField
from pydantic_core import SchemaValidator, core_schema

from strongroom_blocks.errors import SecretUnfit
from strongroom_blocks.frames import without_frames
from strongroom_blocks.redaction import redactor
from strongroom_blocks.secrets import held
from strongroom_blocks.sources.pydantic_secrets import secret_class
from strongroom_blocks.sources.secret_reference import (
    Referenced,
    SecretReference,
    has_loose,
    holding_class,
    holds_reference,
    referenced_class,
    references_in,
)

_WRAPPERS = frozenset({"function-after", "function-before", "function-wrap"})
_NO_NODES = frozenset({
    "metadata", "serialization", "cls", "function", "config", "default", "ref", "schema_ref", "expected", "members",
    "computed_fields", "type", "discriminator", "cls_name", "model_name",
})  # fmt: skip


class Place:
    """A place for a secret in a model: what a reference that stands there has to fit once it is fetched."""

    def __init__(
        self, owner: type[BaseModel], number: int, kind: type, node: Any, definitions: Any, bare: bool
    ) -> None:
        self.owner = owner
        self.number = number
        self.kind = kind
        self.bare = bare
        self._node = node
        self._definitions = definitions

    @cached_property
    def can_be_found(self) -> bool:
        """Whether another process finds the place again: its model is in a module, under its name."""
        found: Any = sys.modules.get(self.owner.__module__)
        for name in self.owner.__qualname__.split("."):
            found = getattr(found, name, None)
        return found is self.owner

    @cached_property
    def _validator(self) -> SchemaValidator:
        schema = core_schema.definitions_schema(self._node, self._definitions) if self._definitions else self._node
        return SchemaValidator(schema)

    def referenced(self, text: str) -> Referenced:
        """A reference for this place."""
        return referenced_class(self.kind)(text, self)

    def accept(self, value: Any, handler: Callable[[Any], Any]) -> Any:
        """Validate what is given for this place."""
        if isinstance(value, Referenced):
            stays = value.place is self or (value.place is not None and not self.can_be_found)
            return value if stays and isinstance(value, self.kind) else self.referenced(value.text)
        secret = handler(value)
        if type(secret) is self.kind and issubclass(self.kind, SecretField) and has_loose(held(secret)):
            holding: Any = holding_class(self.kind)  # type: ignore[arg-type]  # a class is hashable
            return holding(held(secret))
        return secret

    @without_frames
    def fit(self, found: str | bytes, text: str) -> Any:
        """What was fetched, as the place has it: text, bytes, or whatever the text reads as, if need be as JSON.

        :raises SecretUnfit: it does not fit; says why without the value.
        """
        if issubclass(self.kind, SecretBytes):
            plain: str | bytes = found.encode("utf-8", "surrogatepass") if isinstance(found, str) else found
        elif issubclass(self.kind, SecretStr):
            plain = as_text(found, text)
        else:
            plain = _text_if_any(found)
        if self.bare:
            return plain
        fitting = self._validated(plain, text)
        redactor.register(fitting)
        return fitting

    def _validated(self, plain: str | bytes, text: str) -> Any:
        try:
            return held(self._validator.validate_python(plain, by_name=True, by_alias=False))
        except ValidationError as error:
            problem = error
        if issubclass(self.kind, SecretField):
            try:
                data = json.loads(plain)
            except (ValueError, RecursionError):
                pass
            else:
                redactor.register(data)
                try:
                    return held(self._validator.validate_json(plain, by_name=True, by_alias=False))
                except ValidationError as error:
                    problem = error
        raise _unfit(text, problem, plain)


def as_text(found: str | bytes, text: str) -> str:
    """What was fetched, as text."""
    if isinstance(found, str):
        return found
    try:
        return found.decode()
    except UnicodeDecodeError:
        pass
    raise SecretUnfit(f'The secret "{text}" is not UTF-8 text.', "Point at a text, or use a field for bytes.")


def _text_if_any(found: str | bytes) -> str | bytes:
    try:
        return found.decode() if isinstance(found, bytes) else found
    except UnicodeDecodeError:
        return found


def _unfit(text: str, error: ValidationError, plain: str | bytes) -> SecretUnfit:
    from strongroom_blocks.validation import reasons

    why = "; ".join(dict.fromkeys(reasons(error, plain)))
    return SecretUnfit(f'The secret "{text}" does not fit its field: {why}.', "Correct it where it is kept.")


class _Rewriting:
    """One walk over the core schema of a model."""

    def __init__(self, owner: type[BaseModel]) -> None:
        self.owner = owner
        schema: Any = owner.__pydantic_core_schema__
        self.definitions = schema["definitions"] if schema["type"] == "definitions" else []
        self.places: list[Place] = []
        self.schema = self.rewritten(schema)

    def rewritten(self, node: Any) -> Any:
        """A node of the schema, or a container of nodes, with what takes references in around each secret."""
        if isinstance(node, list | tuple):
            return type(node)(self.rewritten(item) for item in node)
        if not isinstance(node, dict):
            return node
        if not isinstance(node.get("type"), str):
            return {key: self.rewritten(item) for key, item in node.items()}
        kind, bare = _secret_inside(node)
        if kind is not None:
            return self._accepting(node, kind, bare)
        renewed = self._inside(node)
        cls: Any = node.get("cls")
        if node["type"] in ("model", "dataclass") and cls is not self.owner and not hasattr(cls, "__block__"):
            return _renewing({**renewed, "revalidate_instances": "always"}, cls)
        return renewed

    def _inside(self, node: dict[str, Any]) -> dict[str, Any]:
        return {key: item if key in _NO_NODES else self.rewritten(item) for key, item in node.items()}

    def _accepting(self, node: dict[str, Any], kind: type, bare: bool) -> Any:
        place = Place(self.owner, len(self.places), kind, node, self.definitions, bare)
        self.places.append(place)
        inside = self._inside(node) if issubclass(kind, SecretField) else node
        return core_schema.no_info_wrap_validator_function(place.accept, inside)


def _secret_inside(node: dict[str, Any]) -> tuple[type | None, bool]:
    """The secret that a node is for, itself or below functions; and whether it takes any text, or any bytes."""
    bare = True
    while _is_function(node) or (not bare and node.get("type") == "nullable"):
        node, bare = node["schema"], False
    kind = secret_class(node)
    return kind, bare and kind in (SecretStr, SecretBytes)


def _is_function(node: dict[str, Any]) -> bool:
    """Whether this is a function around a value that asks for nothing but the value."""
    return node.get("type") in _WRAPPERS and node["function"]["type"] == "no-info"


def _renewing(node: Any, cls: type) -> Any:
    """Validate an instance anew if it holds references that know no field yet, which its own class could not tell."""

    def renew(value: Any, handler: Callable[[Any], Any]) -> Any:
        if isinstance(value, cls) and (type(value) is not cls or not _has_homeless(value)):
            return value
        return handler(value)

    ref = node.pop("ref", None)
    wrapped: dict[str, Any] = dict(core_schema.no_info_wrap_validator_function(renew, node))
    return {**wrapped, "ref": ref} if ref else wrapped


def _has_homeless(value: Any) -> bool:
    return any(type(reference) is SecretReference for reference in references_in(value))


@lru_cache(maxsize=512)
def _accepting(cls: type[BaseModel]) -> tuple[Any, tuple[Place, ...]]:
    if not cls.__pydantic_complete__:
        cls.model_rebuild()
    found = _Rewriting(cls)
    return SchemaValidator(found.schema, None, _use_prebuilt=False), tuple(found.places)


def reference_at(owner: type[BaseModel], number: int, kind: type, text: str) -> Referenced:
    """A reference for a place that another process named; a loose one where the model is another one by now."""
    places = _accepting(owner)[1]
    fits = number < len(places) and places[number].kind is kind
    return places[number].referenced(text) if fits else SecretReference(text)


@lru_cache(maxsize=1024)
def _has_default(cls: type[BaseModel]) -> bool:
    return holds_reference([field.default for field in cls.model_fields.values()])


def validator_for(cls: type[BaseModel], data: Any) -> Any:
    """What validates ``data`` as ``cls``: pydantic's own validator, unless a reference is among the values."""
    if Referenced.made and (_has_default(cls) or holds_reference(data)):
        return _accepting(cls)[0]
    return cls.__pydantic_validator__
