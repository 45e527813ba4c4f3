"""What the registry speaks of: references to documents, documents, their versions and their heads."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from uuid import UUID

from strongroom_registry.errors import InvalidReference

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,126}[a-z0-9])?")
_LABEL = re.compile(r"[a-z](?:[a-z0-9._-]{0,62}[a-z0-9])?")
_VERSION = re.compile(r"[1-9][0-9]{0,8}")

LATEST = "latest"
PREVIOUS = "previous"
PENDING = "pending"


def is_name(text: str) -> bool:
    """Whether a text can name a document, a type or a workspace."""
    return _NAME.fullmatch(text) is not None


def check_name(name: str) -> str:
    """Return ``name`` if it can name a document, a type or a workspace, else raise :class:`InvalidReference`.

    A name has 1 to 128 characters of ``a-z 0-9 - _ .`` and starts and ends with a letter or a digit.
    """
    if not isinstance(name, str) or not is_name(name):
        raise InvalidReference(
            f"{name!r:.140} is no name.",
            "Use 1 to 128 of a-z, 0-9, '-', '_', '.', with a letter or a digit at both ends.",
        )
    return name


def check_label(label: str) -> str:
    """Return ``label`` if it can label a version (1 to 64 characters, a letter first), else raise."""
    if not isinstance(label, str) or not _LABEL.fullmatch(label):
        raise InvalidReference(
            f"{label!r:.80} is no label.",
            "Use 1 to 64 of a-z, 0-9, '-', '_', '.', a letter first, a letter or a digit last.",
        )
    return label


@dataclass(frozen=True, slots=True)
class Reference:
    """What a document is asked for by: ``name``, ``name@3``, ``name@label``, each with an optional ``type-slug/``
    before.

    ``version`` and ``label`` are never both set; with neither, the current version is meant.
    """

    name: str
    type: str | None = None
    version: int | None = None
    label: str | None = None

    @staticmethod
    def parse(text: str) -> Reference:
        """Read a reference; raises :class:`InvalidReference` for a text that is none."""
        if not isinstance(text, str):
            raise InvalidReference(f"A reference is a text, not {type(text).__name__}.", 'Write "name" or "name@3".')
        return _parse(text)

    def pinned(self, version: int) -> Reference:
        """The same document at a fixed version."""
        return Reference(self.name, self.type, version)

    def __str__(self) -> str:
        prefix = f"{self.type}/" if self.type else ""
        selector = self.label if self.label is not None else self.version
        return f"{prefix}{self.name}" if selector is None else f"{prefix}{self.name}@{selector}"


@lru_cache(maxsize=4096)
def _parse(text: str) -> Reference:
    slug, slash, rest = text.rpartition("/")
    name, at, selector = rest.partition("@")
    type_ = check_name(slug) if slash else None
    check_name(name)
    if not at or selector == LATEST:
        return Reference(name, type_)
    if _VERSION.fullmatch(selector):
        return Reference(name, type_, version=int(selector))
    return Reference(name, type_, label=check_label(selector))


class DocumentState(StrEnum):
    """The life of a document. ``QUARANTINED`` is never stored: a listing says it of a row that fails its MAC."""

    LIVE = "live"
    DELETED = "deleted"
    DESTROYED = "destroyed"
    QUARANTINED = "quarantined"


class VersionState(StrEnum):
    """The life of a version; ``DELETED`` also stands for versions of a generation that ended."""

    LIVE = "live"
    DELETED = "deleted"
    DESTROYED = "destroyed"


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a document, without its payload.

    ``number`` counts from 1 and is never reused. ``schema`` is the fingerprint of the schema it was written with.
    ``public`` holds the bytes of the public projection, empty where the type declares none. ``references`` are those to
    other documents, ``expires_at`` is when what is in it stops working, where that is known.
    """

    document: str
    number: int
    generation: int
    type: str
    schema: str
    state: VersionState
    created_at: datetime
    actor: str
    message: str
    labels: tuple[str, ...] = ()
    public: bytes = b""
    references: tuple[str, ...] = ()
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Head:
    """What a document is now: its current version, its labels, its state.

    ``generation`` grows when a deleted name is used again, so that a stale compare-and-set cannot win.
    ``schema``, ``created_at``, ``references`` and ``expires_at`` are those of the current version. ``quarantine`` is
    the reason why the row cannot be trusted, where it cannot.
    """

    name: str
    id: UUID
    type: str
    generation: int
    current: int
    state: DocumentState
    labels: Mapping[str, int]
    updated_at: datetime | None
    public: bytes = b""
    quarantine: str | None = None
    schema: str = ""
    created_at: datetime | None = None
    references: tuple[str, ...] = ()
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Document:
    """An opened version: its metadata and its payload. The payload never shows in ``repr``."""

    id: UUID
    version: Version
    payload: bytes = field(repr=False)

    @property
    def reference(self) -> Reference:
        """The pinned reference of this version."""
        return Reference(self.version.document, self.version.type, self.version.number)

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("An opened document cannot be pickled: pass its reference instead.")
