"""What is set for a secret, and which of its versions were deleted: the metadata that stands beside its versions."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from strongroom_registry.document import Version, VersionState

DEFAULT_MAX_VERSIONS = 10
"""How many versions are kept where neither the mount nor the secret says."""


class Metadata(BaseModel):
    """The public part of a metadata document.

    ``era`` is the generation of the secret that this is about; of another one it says nothing, so that what was set
    for a secret that was deleted for good does not hold for the next of its name. ``deleted`` are the versions that
    were deleted, and when; ``restored`` those that were brought back, whose own date of deletion counts no more.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: str
    era: int
    created: datetime
    max_versions: int = 0
    cas_required: bool = False
    delete_version_after: timedelta = timedelta(0)
    has_custom: bool = False
    deleted: dict[int, datetime] = Field(default_factory=dict)
    restored: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Rules:
    """What holds for a secret: what is set for it, or else for its mount.

    :param max_versions: how many versions are kept; at least 1.
    """

    max_versions: int = DEFAULT_MAX_VERSIONS
    cas_required: bool = False
    delete_version_after: timedelta = timedelta(0)

    @staticmethod
    def of(mount: Mapping[str, Any], metadata: Metadata | None) -> Rules:
        """The rules of a mount's settings, overruled by those of one secret."""
        own_max = metadata.max_versions if metadata else 0
        own_after = metadata.delete_version_after if metadata else timedelta(0)
        return Rules(
            max_versions=own_max or int(mount.get("max_versions", 0)) or DEFAULT_MAX_VERSIONS,
            cas_required=bool(mount.get("cas_required", False)) or bool(metadata and metadata.cas_required),
            delete_version_after=own_after or timedelta(microseconds=int(mount.get("delete_version_after", 0))),
        )

    def oldest_kept(self, current: int) -> int:
        """The lowest number that is still kept when this one is the current one."""
        return max(1, current - self.max_versions + 1)


@dataclass(frozen=True, slots=True)
class VersionStatus:
    """One version as Vault shows it; ``deletion_time`` may lie ahead."""

    number: int
    created_time: datetime
    deletion_time: datetime | None
    destroyed: bool
    deleted: bool

    @staticmethod
    def of(version: Version, metadata: Metadata | None, now: datetime) -> VersionStatus:
        """What a version is, at a moment."""
        deletion = version.expires_at
        if metadata is not None and version.number in metadata.deleted:
            deletion = metadata.deleted[version.number]
        elif metadata is not None and version.number in metadata.restored:
            deletion = None
        return VersionStatus(
            number=version.number,
            created_time=version.created_at,
            deletion_time=deletion,
            destroyed=version.state is VersionState.DESTROYED,
            deleted=deletion is not None and deletion <= now,
        )


def dump_custom(custom: Mapping[str, str]) -> bytes:
    """The sealed part of a metadata document: what somebody wrote there in words."""
    return json.dumps({"custom_metadata": dict(custom)}, separators=(",", ":")).encode()


def load_custom(payload: bytes) -> dict[str, str]:
    """The reverse of :func:`dump_custom`."""
    custom: dict[str, str] = json.loads(payload)["custom_metadata"]
    return custom
