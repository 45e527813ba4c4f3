"""What Cloud Storage says of an object, in the words that every store has."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Self

from strongroom import StoredObject

FIELDS = "items(name,size,updated,generation,crc32c),prefixes,nextPageToken"
"""What is asked for in a listing; an object has ten times as much."""


@dataclass(frozen=True, slots=True)
class GcsObject(StoredObject):
    """One object of a listing. ``etag`` is its generation: what is written anew gets another one.

    :param crc32c: the checksum, in Base64, as Google writes it.
    """

    generation: int = 0
    crc32c: str | None = None

    @classmethod
    def of(cls, blob: Any) -> Self:
        """An object with its whole name as the key, from one of Google's client."""
        return cls._made(blob.name, blob.size, blob.updated, blob.generation, blob.crc32c)

    @classmethod
    def answered(cls, resource: dict[str, Any]) -> Self:
        """The same, from the service's answer to an upload."""
        updated = datetime.fromisoformat(resource["updated"])
        return cls._made(resource["name"], resource["size"], updated, resource["generation"], resource.get("crc32c"))

    @classmethod
    def _made(cls, name: str, size: Any, updated: datetime, generation: Any, crc32c: str | None) -> Self:
        return cls(
            key=name,
            size=int(size),
            modified=updated.astimezone(UTC),
            etag=str(generation),
            generation=int(generation),
            crc32c=crc32c,
        )

    def under(self, key: str) -> Self:
        """The same object, under the key that it has relative to a folder."""
        return replace(self, key=key)
