"""Blocks inside blocks: by reference where they were saved, inline where they were not."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ValidationError
from strongroom_registry.errors import RegistryRefusal

from strongroom_blocks import catalog, encoding, origin, schema, shapes, validation
from strongroom_blocks.equality import difference
from strongroom_blocks.errors import BlockCycle, BlockNotStorable, UnknownBlock
from strongroom_blocks.sources.acceptance import validator_for
from strongroom_blocks.sources.secret_reference import secret_from

if TYPE_CHECKING:
    from strongroom_blocks.block import Block

DEPTH = 32


def blocks_in(value: Any, depth: int = 0) -> Iterator[Block]:
    """The blocks that a block, model or container holds directly or deeper, each before those inside it."""
    if depth > 4 * DEPTH:
        raise BlockCycle(f"Blocks are nested more than {DEPTH} deep.", "Hold fewer blocks inside each other.")
    if isinstance(value, BaseModel):
        if hasattr(type(value), "__block__") and depth:
            yield value  # type: ignore[misc]
        for item in (*value.__dict__.values(), *(value.__pydantic_extra__ or {}).values()):
            yield from blocks_in(item, depth + 1)
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from blocks_in(item, depth + 1)
    elif isinstance(value, list | tuple | set | frozenset):
        for item in value:
            yield from blocks_in(item, depth + 1)


def references_in(value: Any, depth: int = 0) -> Iterator[str]:
    """What a block refers to: the references by which the blocks that it holds are stored."""
    place = origin.of(value) if depth and hasattr(type(value), "__block__") else None
    if place is not None:
        yield str(place.requested)
    elif isinstance(value, BaseModel):
        for item in (*value.__dict__.values(), *(value.__pydantic_extra__ or {}).values()):
            yield from references_in(item, depth + 1)
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from references_in(item, depth + 1)
    elif isinstance(value, list | tuple | set | frozenset):
        for item in value:
            yield from references_in(item, depth + 1)


def refuse_cycle(block: Block, name: str) -> None:
    """Raise :class:`BlockCycle` if a block that is to be saved as ``name`` holds that document, at any depth."""
    for inner in blocks_in(block):
        place = origin.of(inner)
        if place is not None and place.requested.name == name:
            raise BlockCycle(
                f'"{name}" cannot hold itself, directly or through another block.',
                "Save one of the two under another name.",
            )


class _AtHand:
    """Resolves references to the instances that a block holds: what the proof of a round trip needs."""

    def __init__(self, block: Block) -> None:
        self.instances = {}
        for inner in blocks_in(block):
            place = origin.of(inner)
            if place is not None:
                self.instances[str(place.requested)] = inner

    def reference(self, text: str, path: str) -> Block:
        return self.instances[text]

    def inline(self, slug: str, written: str, fields: dict[str, Any], path: str) -> Block:
        return _inline(self, slug, written, fields, path)


class _Stored:
    """Resolves references by loading them from the registry. Input that is no saved block yet has no name."""

    def __init__(self, name: str | None, around: tuple[str, ...]) -> None:
        self.name = name
        self.around = around if name is None else (*around, name)

    def reference(self, text: str, path: str) -> Block:
        from strongroom_blocks import documents
        from strongroom_blocks.block import Block

        name = text.partition("@")[0]
        if name in self.around:
            chain = " → ".join((*self.around, name))
            raise BlockCycle(f"Blocks hold each other: {chain}.", "Save one of them without the other.")
        if len(self.around) >= DEPTH:
            raise BlockCycle(f"Blocks are nested more than {DEPTH} deep.", "Hold fewer blocks inside each other.")
        try:
            return documents.load(Block, text, self.around)
        except RegistryRefusal as error:
            problem, remedy = error.problem, error.remedy
        holder = "" if self.name is None else f' of "{self.name}"'
        where = f'The field "{path}"{holder} holds' if path else "The input names"
        raise UnknownBlock(f'{where} the block "{text}": {problem}', remedy)

    def inline(self, slug: str, written: str, fields: dict[str, Any], path: str) -> Block:
        return _inline(self, slug, written, fields, path)


def _inline(resolver: encoding.Resolver, slug: str, written: str, fields: dict[str, Any], path: str) -> Block:
    return _read(catalog.class_for(slug), fields, True, written, path, resolver)


def dump(block: Block) -> bytes:
    """The payload of a block, proven to come back as it is.

    :raises BlockNotStorable: it would not; names the field.
    """
    cls, resolver, field = type(block), _AtHand(block), ""
    for exact in (False, True):
        try:
            payload = encoding.encode(block, exact=exact)
            back = _read(cls, *_opened(payload), schema.schema_text(cls), "", resolver)
        except BlockNotStorable:
            raise
        except (encoding.NeedsExact, ValueError, TypeError, KeyError):
            continue
        field = difference(block, back) or ""
        if not field:
            return payload
    where = f'the field "{field}"' if field else "one of its values"
    raise BlockNotStorable(
        f"A {cls.__name__} cannot be stored: {where} would not come back as it is.",
        "Use a type whose validation accepts what it returned, and that the field's annotation names.",
    )


def read(cls: type[Block], payload: bytes, written: str, name: str, around: tuple[str, ...]) -> Block:
    """A block from its payload, through upgrades where the schema has moved on."""
    return _read(cls, *_opened(payload), written, name, _Stored(name, around))


def _opened(payload: bytes) -> tuple[dict[str, Any], bool]:
    tree = json.loads(payload)
    return (tree["$exact"], True) if encoding.is_exact(payload) else (tree, False)


def _read(
    cls: type[Block], tree: dict[str, Any], exact: bool, written: str, name: str, resolver: encoding.Resolver
) -> Block:
    version = schema.written_version(cls, written, name)
    upgrading = version < cls.__block__.schema_version
    if exact:
        tree = encoding.Decoder(resolver, {} if upgrading else shapes.classes(cls)).fields(tree)
    if upgrading:
        tree = schema.upgraded(cls, tree, version, name)
    try:
        return _validated(cls, tree, exact)
    except ValidationError as error:
        refused = validation.refusal(cls, error, tree)
        given = set(tree)
    tree = {}
    raise schema.mismatch(cls, name, version, given, refused)


def _validated(cls: type[Block], tree: dict[str, Any], exact: bool) -> Block:
    validator: Any = validator_for(cls, tree)
    if not exact:
        try:
            text = json.dumps(tree)
        except TypeError:
            pass  # an upgrade put Python values in
        else:
            return validator.validate_json(text, by_name=True, by_alias=False)  # type: ignore[no-any-return]
    return validator.validate_python(tree, by_name=True, by_alias=False)  # type: ignore[no-any-return]


def resolve(data: Any) -> Any:
    """Nested data with each ``{"$block": "name@3"}`` in it replaced by that block, loaded, and each
    ``{"$source": "env:NAME"}`` by a reference to that secret: for input from files.

    :raises UnknownBlock: there is no such block; the path in the data is told.
    :raises InvalidSecretReference: the reference is none that a source here understands.
    """
    return _resolve(data, _Stored(None, ()), "")


def _resolve(data: Any, stored: _Stored, path: str) -> Any:
    if isinstance(data, Mapping):
        if set(data) == {"$block"} and isinstance(data["$block"], str):
            return stored.reference(data["$block"], path)
        if set(data) == {"$source"}:
            return secret_from(data["$source"])
        return {key: _resolve(item, stored, f"{path}.{key}" if path else str(key)) for key, item in data.items()}
    if isinstance(data, list):
        return [_resolve(item, stored, f"{path}.{index}") for index, item in enumerate(data)]
    return data
