"""The secrets of a registry that are looked for, and those that cannot be."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel
from strongroom_blocks import Block, reveal
from strongroom_blocks.redaction import COMMON, FEWEST, SHORTEST
from strongroom_blocks.secrets import SECRET_KINDS
from strongroom_registry.document import VersionState
from strongroom_registry.errors import StoreProblem, StrongroomError

from strongroom.scanning.findings import Skipped
from strongroom.scanning.matcher import Owner

if TYPE_CHECKING:
    from strongroom_registry.registry import Registry

LEAST_LENGTH = 8
"""How long a value is at least, unless told otherwise: shorter ones stand everywhere by chance."""


@dataclass(frozen=True, slots=True)
class Sought:
    """A value and all the fields that hold it."""

    value: str | bytes = field(repr=False)
    owners: tuple[Owner, ...]


def sought_secrets(
    registry: Registry, *, glob: str = "*", all_versions: bool = False, least_length: int = LEAST_LENGTH
) -> tuple[list[Sought], list[Skipped]]:
    """The secrets of blocks, each opened, which the audit keeps as a load; and what cannot be looked for, with the
    reason.

    :param all_versions: those of older versions too; they stand in history more often than the current ones.
    :param least_length: values that are shorter are left out, in characters.
    :raises StoreProblem: no load can be recorded, so that none is opened.
    """
    owners: dict[str | bytes, list[Owner]] = {}
    skipped: list[Skipped] = []
    for reference in _references(registry, glob, all_versions, skipped):
        try:
            block = Block.load(reference)
        except StoreProblem:
            raise
        except StrongroomError as error:
            skipped.append(Skipped(reference, error.problem))
            continue
        for path, value in _secrets(block, reference, skipped):
            if reason := _unfit(value, least_length):
                skipped.append(Skipped(f"{reference}#{path}", reason, expected=True))
            else:
                owners.setdefault(value, []).append(Owner(reference, path))
    return [Sought(value, tuple(sorted(set(held)))) for value, held in owners.items()], skipped


def _references(registry: Registry, glob: str, all_versions: bool, skipped: list[Skipped]) -> Iterator[str]:
    for head in registry.list(glob):
        if head.quarantine is not None:
            skipped.append(Skipped(head.name, head.quarantine))
            continue
        live = (version.number for version in registry.history(head.name) if version.state is VersionState.LIVE)
        for number in live if all_versions else (head.current,):
            yield f"{head.name}@{number}"


def _secrets(block: Block, reference: str, skipped: list[Skipped]) -> Iterator[tuple[str, str | bytes]]:
    for name in type(block).model_fields:
        yield from _leaves(getattr(block, name), name, False, reference, skipped)


def _leaves(
    value: Any, path: str, secret: bool, reference: str, skipped: list[Skipped]
) -> Iterator[tuple[str, str | bytes]]:
    """The texts and bytes that are secret, each with its path. A saved block inside is a document of its own."""
    if isinstance(value, SECRET_KINDS):
        try:
            value, secret = reveal(value), True
        except StrongroomError as error:
            skipped.append(Skipped(f"{reference}#{path}", error.problem))
            return
    if isinstance(value, BaseModel):
        if getattr(value, "__strongroom_origin__", None) is None:
            for name in type(value).model_fields:
                yield from _leaves(getattr(value, name), f"{path}.{name}", secret, reference, skipped)
    elif isinstance(value, Mapping):
        for name, item in value.items():
            yield from _leaves(item, f"{path}.{name}", secret, reference, skipped)
    elif isinstance(value, list | tuple | set | frozenset):
        for index, item in enumerate(value):
            yield from _leaves(item, f"{path}.{index}", secret, reference, skipped)
    elif secret and isinstance(value, bytes):
        yield path, _text_of(value)
    elif secret and value is not None and not isinstance(value, bool):
        yield path, str(value)


def _text_of(value: bytes) -> str | bytes:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value


def _unfit(value: str | bytes, least_length: int) -> str:
    """Why a value is not looked for; empty where it is."""
    if len(value) < max(least_length, SHORTEST):
        return f"The value is shorter than {max(least_length, SHORTEST)} characters."
    if isinstance(value, str) and (value.lower() in COMMON or len(set(value)) < FEWEST):
        return "The value is a word or a pattern that stands everywhere."
    return ""
