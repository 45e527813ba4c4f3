"""What a key-value engine of version 2 says of a secret: its versions, and what people noted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from strongroom_vault import kv
from strongroom_vault.auth import field_of
from strongroom_vault.errors import VaultAnswerUnusable, VaultRefused
from strongroom_vault.faults import asked
from strongroom_vault.sessions import VaultSession

SETTINGS = ("custom_metadata", "max_versions", "cas_required", "delete_version_after")


@dataclass(frozen=True, slots=True)
class SecretVersion:
    """One version: when it was made, when it was deleted (None if it is not), and whether it is gone for good."""

    number: int
    created: datetime
    deleted: datetime | None = None
    destroyed: bool = False

    @property
    def is_readable(self) -> bool:
        """Whether it is neither deleted nor destroyed."""
        return self.deleted is None and not self.destroyed


@dataclass(frozen=True, slots=True)
class SecretMetadata:
    """The versions of a secret, oldest first, and its settings. ``max_versions`` 0 is the engine's own number."""

    current_version: int
    versions: tuple[SecretVersion, ...]
    custom_metadata: Mapping[str, str]
    max_versions: int = 0
    cas_required: bool = False
    delete_version_after: str = "0s"


def read(session: VaultSession, path: str) -> SecretMetadata:
    """:raises VaultAbsent: there is no such secret."""
    url = _url(session, path)
    data = field_of(asked(lambda: session.client.adapter.get(url)), "data")
    try:
        return _metadata(data)
    except (KeyError, TypeError, ValueError, AttributeError):
        pass
    raise VaultAnswerUnusable(f"Vault's metadata of {path} make no sense.", "Check that the address is Vault's.")


def write(session: VaultSession, path: str, settings: Mapping[str, Any]) -> None:
    """Change settings; what is not named stays.

    :raises VaultRefused: a setting that there is not.
    """
    unknown = sorted(set(settings).difference(SETTINGS))
    if unknown or not settings:
        raise VaultRefused(
            f"{', '.join(unknown) or 'Nothing'} is no setting of a secret.", f"Known: {', '.join(SETTINGS)}"
        )
    url = _url(session, path)
    asked(lambda: session.client.adapter.post(url, json=dict(settings)))


def delete(session: VaultSession, path: str) -> None:
    """Delete a secret with all its versions, for good."""
    url = _url(session, path)
    asked(lambda: session.client.adapter.delete(url))


def _url(session: VaultSession, path: str) -> str:
    mount, rest = kv.versioned(session, path)
    return kv.url_of(mount, "metadata/", rest)


def _metadata(data: dict[str, Any]) -> SecretMetadata:
    numbered = sorted((int(number), found) for number, found in data["versions"].items())
    return SecretMetadata(
        current_version=int(data["current_version"]),
        versions=tuple(
            SecretVersion(number, _time(it["created_time"]), _deleted(it), bool(it["destroyed"]))
            for number, it in numbered
        ),
        custom_metadata=dict(data.get("custom_metadata") or {}),
        max_versions=int(data.get("max_versions") or 0),
        cas_required=bool(data.get("cas_required")),
        delete_version_after=str(data.get("delete_version_after") or "0s"),
    )


def _deleted(version: dict[str, Any]) -> datetime | None:
    return _time(version["deletion_time"]) if version["deletion_time"] else None


def _time(text: str) -> datetime:
    """Vault counts nanoseconds, Python microseconds."""
    whole, _, fraction = text.removesuffix("Z").partition(".")
    return datetime.fromisoformat(f"{whole}.{fraction[:6]:0<6}+00:00")
