"""Fingerprints of schemas, and the upgrades that lead from old documents to the class of today."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakKeyDictionary

from strongroom_blocks import shapes
from strongroom_blocks.errors import BlockValidationError, SchemaMismatch, SchemaNewer

if TYPE_CHECKING:
    from strongroom_blocks.block import Block

Upgrade = Callable[[dict[str, Any]], dict[str, Any]]
U = TypeVar("U", bound=Upgrade)

_upgrades: WeakKeyDictionary[type[Block], dict[int, Upgrade]] = WeakKeyDictionary()
_texts: WeakKeyDictionary[type[Block], str] = WeakKeyDictionary()


def fingerprint(cls: type[Block]) -> str:
    """32 hex digits that name the shape of a type: the names, types and obligation of its fields.

    It depends neither on the order of the fields nor on titles, descriptions, defaults or constraints.
    """
    text = shapes.described_fields(shapes.model_members(cls), shapes.required_fields(cls), (cls,))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def schema_text(cls: type[Block]) -> str:
    """What a document says of the schema it was written with: ``<schema_version>:<fingerprint>``."""
    text = _texts.get(cls)
    if text is None:
        text = _texts[cls] = f"{cls.__block__.schema_version}:{fingerprint(cls)}"
    return text


def declare_upgrade(cls: type[Block], from_version: int) -> Callable[[U], U]:
    """A decorator that registers the step from ``from_version`` to the next."""
    if not 1 <= from_version < cls.__block__.schema_version:
        raise ValueError(
            f"{cls.__name__} has schema_version {cls.__block__.schema_version}, so there is nothing to upgrade from "
            f"version {from_version}: count schema_version up in the class statement first."
        )

    def declare(function: U) -> U:
        _upgrades.setdefault(cls, {})[from_version] = function
        return function

    return declare


def _steps(cls: type[Block]) -> dict[int, Upgrade]:
    steps: dict[int, Upgrade] = {}
    for base in reversed(cls.__mro__):
        if hasattr(base, "__block__") and base.__dict__.get("__block__") is cls.__block__:
            steps |= _upgrades.get(base, {})
    return steps


def written_version(cls: type[Block], schema: str, name: str) -> int:
    """The schema version that a document was written with.

    :raises SchemaNewer: it is beyond the class's own.
    """
    number = schema.partition(":")[0]
    version = int(number) if number.isdecimal() else 1
    if version > cls.__block__.schema_version:
        raise SchemaNewer(
            f'"{name}" was written with version {version} of the schema of {cls.__block__.slug}; the class '
            f"{cls.__module__}.{cls.__qualname__} knows versions up to {cls.__block__.schema_version}.",
            "Update the code that defines the class, or load an older version of the block.",
        )
    return version


def upgraded(cls: type[Block], fields: dict[str, Any], version: int, name: str) -> dict[str, Any]:
    """The fields after every upgrade from ``version`` on; a version without an upgrade is passed over.

    :raises SchemaMismatch: an upgrade failed. Its own error may hold values, so only the error's type is told.
    """
    steps = _steps(cls)
    for step in range(version, cls.__block__.schema_version):
        upgrade = steps.get(step)
        if upgrade is None:
            continue
        try:
            fields = upgrade(fields)
        except Exception as error:
            failure = type(error).__name__
        else:
            if isinstance(fields, dict):
                continue
            failure = "it returned no dict"
        fields = {}
        raise SchemaMismatch(
            f'The upgrade of {cls.__block__.slug} from schema version {step} failed on "{name}": {failure}.',
            "Correct the upgrade function; the block is untouched.",
        )
    return fields


def mismatch(
    cls: type[Block], name: str, version: int, given: set[str], refusal: BlockValidationError
) -> SchemaMismatch:
    """The error for a document that does not fit the class: which fields are missing, which are no longer known."""
    today = cls.__block__.schema_version
    missing = sorted(shapes.required_fields(cls) - given)
    unknown = sorted(given - set(cls.model_fields))
    parts = [
        f"missing: {', '.join(missing)}" if missing else "",
        f"no longer known: {', '.join(unknown)}" if unknown else "",
        "; ".join(str(p) for p in refusal.problems if p.kind not in ("missing", "extra_forbidden")),
    ]
    return SchemaMismatch(
        f'"{name}" was written with version {version} of the schema of {cls.__block__.slug} and does not fit '
        f"version {today}: {'; '.join(filter(None, parts))}.",
        f"Give the fields defaults, or {_advice(cls, version)}.",
        refusal.problems,
    )


def _advice(cls: type[Block], version: int) -> str:
    name, today = cls.__name__, cls.__block__.schema_version
    if version < today:
        return f"declare or correct the upgrade: @{name}.upgrade(from_version={version})"
    return f"declare schema_version={today + 1} in the class statement and @{name}.upgrade(from_version={version})"
