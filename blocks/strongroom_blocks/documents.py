"""Blocks as documents of the registry: what stands behind ``save`` and ``load``."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast

from pydantic import ValidationError
from strongroom_registry.document import DocumentState, Reference
from strongroom_registry.errors import IntegrityError, TypeMismatch, UnknownDocument

from strongroom_blocks import catalog, encoding, nesting, origin, projection, schema, validation
from strongroom_blocks.errors import BlockError, BlockNotSaved, BlockNotStorable, UnknownBlock, WrongBlockType
from strongroom_blocks.frames import without_frames
from strongroom_blocks.redaction import Redactor

if TYPE_CHECKING:
    from strongroom_registry.document import Document, Head, Version
    from strongroom_registry.registry import Registry

    from strongroom_blocks.block import Block

B = TypeVar("B", bound="Block")
Watcher = Callable[[Reference], None]

_watchers: list[Watcher] = []


class Pins(Protocol):
    """What bare names stand for, for code that has to find the same versions again."""

    def version(self, name: str) -> int | None:
        """The version that is meant by this bare name; None for the current one."""

    def loaded(self, name: str, version: int) -> None:
        """A bare name gave this version."""


_pins: Pins | None = None


def the_registry() -> Registry:
    """The registry that is meant where none is named."""
    from strongroom_registry.current import current

    return current()


def watch_loads(watcher: Watcher) -> Callable[[], None]:
    """Call ``watcher`` with the pinned reference of every block that is loaded; returns what ends it."""
    _watchers.append(watcher)
    return lambda: _watchers.remove(watcher)


def pin_loads(pins: Pins | None) -> Callable[[], None]:
    """Ask ``pins`` which version a bare name means, at every load in this process; returns what puts back who was asked
    before.
    """
    global _pins
    before, _pins = _pins, pins

    def put_back() -> None:
        pin_loads(before)

    return put_back


@without_frames
def save(
    block: Block,
    name: str,
    *,
    message: str,
    overwrite: bool,
    expect: int | None,
    retype: bool,
    labels: Iterable[str],
    expires_at: datetime | None = None,
    pending: bool = False,
) -> Version:
    """Prove the round trip, then write; see :meth:`Block.save`."""
    cls = type(block)
    if not hasattr(cls, "__block__"):
        raise BlockNotStorable("Block itself has no fields to save.", "Derive a class from it that declares some.")
    requested = Reference.parse(name)
    if requested.version is not None or requested.label is not None:
        raise BlockNotStorable(f'"{name}" names a version; a version is written once.', "Save under the bare name.")
    nesting.refuse_cycle(block, requested.name)
    payload = nesting.dump(block)
    validation.keep_out_of_logs(block)
    own = Redactor()  # a field or message that repeats one of the block's own secrets does not give it away
    own.register(list(validation.plain_secrets(block)))
    version = the_registry().put(
        requested.name,
        type=cls.__block__.slug,
        schema=schema.schema_text(cls),
        payload=payload,
        public=projection.project(block, own),
        message=own.redact(message),
        overwrite=overwrite,
        expect=expect,
        retype=retype,
        labels=labels,
        references=nesting.references_in(block),
        expires_at=expires_at,
        pending=pending,
    )
    origin.remember(block, Reference(requested.name), origin.pinned(requested.name, version.number), payload)
    return version


_ALSO_CALLED = {"local-file-system": "local-folder"}
"""Slugs that scripts written for Prefect know a built-in type by."""


@without_frames
def load(cls: type[B], reference: str | Reference, path: tuple[str, ...] = ()) -> B:
    """Load a document as an instance of ``cls`` or of a subclass; see :meth:`Block.load`.

    :param path: the names of the documents that are being loaded around this one.
    """
    requested = Reference.parse(reference) if isinstance(reference, str) else reference
    if requested.type in _ALSO_CALLED:
        reference = requested = replace(requested, type=_ALSO_CALLED[requested.type])
    registry = the_registry()
    pins = _pins if requested.version is None and requested.label is None else None
    number = None if pins is None else pins.version(requested.name)
    if number is None:
        document = _get(registry, reference, requested)
    else:
        document = _get(registry, requested.pinned(number), requested.pinned(number))
    version = document.version
    actual = _class_of(cls, document)
    payload = document.payload
    if version.schema == schema.schema_text(actual) and not encoding.is_exact(payload):
        try:
            block = actual.__pydantic_validator__.validate_json(payload, by_name=True, by_alias=False)
        except ValidationError:
            block = nesting.read(actual, payload, version.schema, requested.name, path)
    else:
        block = nesting.read(actual, payload, version.schema, requested.name, path)
        payload = _encoded(block, encoding.is_exact(payload))
    resolved = origin.pinned(version.document, version.number)
    origin.remember(block, requested, resolved, payload)
    validation.keep_out_of_logs(block)
    for watcher in _watchers:
        watcher(resolved)
    if pins is not None:
        pins.loaded(version.document, version.number)
    return cast(B, block)


def _encoded(block: Block, exact: bool) -> bytes:
    """The payload as it would be written now; an upgrade may have brought what only the exact form has a word for."""
    try:
        return encoding.encode(block, exact=exact)
    except encoding.NeedsExact:
        return encoding.encode(block, exact=True)


def _get(registry: Registry, reference: str | Reference, requested: Reference) -> Document:
    try:
        return registry.get(reference)
    except UnknownDocument:
        refusal: Exception = _unknown_block(registry, requested)
    except TypeMismatch as error:
        refusal = WrongBlockType(error.problem, error.remedy)
    raise refusal


def _unknown_block(registry: Registry, requested: Reference) -> UnknownBlock:
    from difflib import get_close_matches

    like = get_close_matches(requested.name, registry.names(), n=8)
    near = ", ".join([name for name in like if _is_there(registry, name)][:3])
    remedy = f"Did you mean {near}?" if near else "Save one under that name first."
    return UnknownBlock(f'There is no block "{requested.name}" in this registry.', remedy)


def _is_there(registry: Registry, name: str) -> bool:
    try:
        return registry.exists(name)
    except IntegrityError:
        return False


def _class_of(cls: type[Block], document: Document) -> type[Block]:
    slug = document.version.type
    asked = cls.__dict__.get("__block__")
    if asked is not None and asked.slug == slug:
        return cls
    found = catalog.class_for(slug)
    if not issubclass(found, cls):
        raise _wrong_type(asked.slug if asked is not None else cls.__name__, document)
    return found


def _wrong_type(wanted: str, document: Document) -> WrongBlockType:
    name, slug = document.version.document, document.version.type
    return WrongBlockType(
        f'"{name}" is a block of type "{slug}", not "{wanted}".',
        f'Load it with Block.load("{name}") or through the class of "{slug}".',
    )


def _check_type(cls: type[Block], head: Head) -> None:
    asked = cls.__dict__.get("__block__")
    if asked is None or asked.slug == head.type:
        return
    if not issubclass(catalog.class_for(head.type), cls):
        raise WrongBlockType(
            f'"{head.name}" is a block of type "{head.type}", not "{asked.slug}".',
            f"Ask through Block or through the class of {head.type!r}.",
        )


def _named(cls: type[Block], name: str) -> tuple[Registry, str]:
    """The registry and the bare name, after the type has been checked."""
    requested = Reference.parse(name)
    registry = the_registry()
    try:
        head = registry.head(requested.name)
    except UnknownDocument:
        pass
    else:
        _check_type(cls, head)
        return registry, requested.name
    raise _unknown_block(registry, requested)


def delete(cls: type[Block], name: str, message: str, cascade: bool) -> Head:
    """See :meth:`Block.delete`."""
    registry, bare = _named(cls, name)
    return registry.delete(bare, message=message, cascade=cascade)


def used_by(cls: type[Block], name: str) -> list[Reference]:
    """See :meth:`Block.used_by`."""
    registry, bare = _named(cls, name)
    return registry.used_by(bare)


def history(cls: type[Block], name: str) -> list[Version]:
    """See :meth:`Block.history`."""
    registry, bare = _named(cls, name)
    return registry.history(bare)


def label(cls: type[Block], name: str, label: str, version: int | None) -> Head:
    """See :meth:`Block.label`."""
    registry, bare = _named(cls, name)
    return registry.label(bare, label, version)


def promote(cls: type[Block], name: str, version: int, expect: int | None, message: str) -> Head:
    """See :meth:`Block.promote`."""
    registry, bare = _named(cls, name)
    return registry.promote(bare, version, expect=expect, message=message)


def exists(cls: type[Block], name: str) -> bool:
    """See :meth:`Block.exists`. Whoever asks does not want to know what looks alike, so that a miss is quick."""
    try:
        head = the_registry().head(Reference.parse(name).name)
        _check_type(cls, head)
    except (UnknownDocument, BlockError):
        return False
    return head.state is DocumentState.LIVE


def pickled(block: Block) -> tuple[Any, ...]:
    """What a pickle holds of a block: its class and its pinned reference, never its values.

    :raises BlockNotSaved: it has no reference.
    """
    found = origin.of(block)
    cls = type(block)
    if found is None:
        raise BlockNotSaved(
            f"A {cls.__name__} that was not saved, or changed since, is not pickled: its values would travel in clear.",
            "Save it first and load it by name; a saved block travels as its reference.",
        )
    return load, (origin.generic_of(cls), str(found.resolved))
