# mypy: disable-error-code="misc"
"""What some object stores can do and others cannot, each power by itself: ask ``isinstance(store, Versioned)``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import ClassVar, Literal, Protocol, runtime_checkable

from strongroom_blocks.twins import async_twin

Method = Literal["GET", "PUT", "DELETE", "HEAD"]


@dataclass(frozen=True, slots=True)
class ObjectVersion:
    """One version of an object, or the mark that it was deleted.

    :param version: the store's name for it; a generation, where there are those.
    """

    key: str
    version: str
    size: int
    modified: datetime
    is_latest: bool
    is_deletion: bool = False


@dataclass(frozen=True, slots=True)
class ObjectDetails:
    """What a store keeps of an object besides its content."""

    content_type: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    storage_class: str | None = None
    encryption: str | None = None
    version: str | None = None
    checksums: Mapping[str, str] = field(default_factory=dict)


@runtime_checkable
class Presigning(Protocol):
    """Gives out addresses under which anybody may do one thing with one object."""

    def presigned_url(self, path: str, expires: timedelta | float = timedelta(hours=1), method: Method = "GET") -> str:
        """An address for one object until it expires: treat it as a secret. Nothing is asked of the store.

        :param expires: a time, or seconds.
        """
        ...

    apresigned_url: ClassVar = async_twin(presigned_url)


@runtime_checkable
class Versioned(Protocol):
    """Keeps what an object was before it was replaced or deleted."""

    def list_versions(self, path: str) -> list[ObjectVersion]:
        """Every version of one object, the latest first."""
        ...

    alist_versions: ClassVar = async_twin(list_versions)

    def read_version(self, path: str, version: str) -> bytes:
        """The content that a version has."""
        ...

    aread_version: ClassVar = async_twin(read_version)

    def restore_version(self, path: str, version: str) -> str:
        """Make a version the latest again, by a copy; returns the new version."""
        ...

    arestore_version: ClassVar = async_twin(restore_version)

    def delete_version(self, path: str, version: str) -> None:
        """Delete one version for good."""
        ...

    adelete_version: ClassVar = async_twin(delete_version)


@runtime_checkable
class ConditionalWrites(Protocol):
    """Writes only while the object is what the writer believes it to be."""

    def write_if_absent(self, path: str, content: bytes) -> str:
        """Write an object that is not there yet; returns its key.

        :raises PreconditionFailed: there is one.
        """
        ...

    awrite_if_absent: ClassVar = async_twin(write_if_absent)

    def write_if_match(self, path: str, content: bytes, etag: str) -> str:
        """Replace an object; returns its key.

        :param etag: what a listing or ``stat_object`` said of it.
        :raises PreconditionFailed: it is another one by now, or gone.
        """
        ...

    awrite_if_match: ClassVar = async_twin(write_if_match)


@runtime_checkable
class Described(Protocol):
    """Keeps a description beside an object."""

    def object_details(self, path: str) -> ObjectDetails:
        """What the store keeps of the object."""
        ...

    aobject_details: ClassVar = async_twin(object_details)


@runtime_checkable
class Tagged(Protocol):
    """Keeps tags on an object that may be changed without touching it."""

    def object_tags(self, path: str) -> dict[str, str]:
        """The tags of an object."""
        ...

    aobject_tags: ClassVar = async_twin(object_tags)

    def set_object_tags(self, path: str, tags: Mapping[str, str]) -> None:
        """Replace the tags of an object."""
        ...

    aset_object_tags: ClassVar = async_twin(set_object_tags)
