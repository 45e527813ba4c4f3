"""What is known of a result that was kept: its record, and what a cache answers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from strongroom.journal.records import StoredResult
from strongroom.serializers import Serializer


class Hit(NamedTuple):
    """What a cache had: the value, where it lies, and which run wrote it when."""

    value: Any
    stored: StoredResult
    written: datetime
    writer: str


class Miss(NamedTuple):
    """Why a cache had nothing: in the words of the log; empty where nothing lies under the key."""

    reason: str = ""


@dataclass(frozen=True, slots=True)
class ResultRecordMetadata:
    """What is known of a result besides its value."""

    storage_key: str
    expiration: datetime | None
    serializer: Serializer

    @property
    def prefect_version(self) -> str:
        """The version of Strongroom that reads it; scripts know it by this name."""
        from strongroom import __version__

        return __version__


@dataclass(frozen=True, slots=True)
class ResultRecord:
    """A result that was read: its value, and what is known of it."""

    result: Any
    metadata: ResultRecordMetadata

    @property
    def expiration(self) -> datetime | None:
        """Until when it serves as a cached result."""
        return self.metadata.expiration

    @property
    def serializer(self) -> Serializer:
        """What wrote it."""
        return self.metadata.serializer
