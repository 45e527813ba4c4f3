"""The secrets of one KV mount, over the registry of its workspace.

Each secret is one document, and its versions are the document's. Its metadata is a second document, which is written
only where something is set or deleted. Whatever is one step for a reader is one transaction of the registry:

- a write is one version; compare-and-set is the registry's own. Its date of deletion is part of it.
- deleting and undeleting is one version of the metadata.
- pruning and destroying only remove what a reader already finds gone: what is older than the rules keep is hidden from
  the moment that a newer version is current, whether its bytes are gone or not.
- deleting all destroys the versions first; metadata that is left behind is of a former era, and counts no more.

So a crash between two steps leaves nothing that a reader could tell from one before or after them.

Numbers go on when a secret is written again after all of it was deleted: a compare-and-set that was made for the former
secret cannot win against the new one.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from strongroom_registry import Registry
from strongroom_registry.document import DocumentState, Head, Reference, Version
from strongroom_registry.errors import (
    DocumentDeleted,
    StaleExpectation,
    StoreUnavailable,
    UnknownDocument,
    UnknownVersion,
    VersionDestroyed,
)

from strongroom_service.vault_api.kv import names
from strongroom_service.vault_api.kv.metadata import Metadata, Rules, VersionStatus, dump_custom, load_custom

DATA_TYPE = "kv"
METADATA_TYPE = "kv-metadata"
_SCHEMA = "strongroom.vault.kv/1"
_ATTEMPTS = 50


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret as it stands: its document where it has versions, its metadata where there is some."""

    path: str
    head: Head | None
    metadata: Metadata | None
    metadata_version: int
    rules: Rules

    @property
    def is_there(self) -> bool:
        """Whether it has versions or metadata."""
        return self.head is not None or self.metadata is not None

    @property
    def current(self) -> int:
        """The number of the current version; 0 where there is none."""
        return 0 if self.head is None else self.head.current


@dataclass(frozen=True, slots=True)
class Read:
    """A version that was asked for; ``data`` is None where it is deleted or destroyed."""

    status: VersionStatus
    custom: Mapping[str, str]
    data: dict[str, Any] | None


class CasRequired(Exception):
    """The rules want a compare-and-set, and the write has none."""


class SecretStore:
    """The secrets of a mount.

    :param registry: that of the mount's workspace.
    :param settings: what is set for the whole mount.
    :param now: the clock.
    """

    def __init__(self, registry: Registry, settings: Mapping[str, Any], now: Callable[[], datetime]) -> None:
        self._registry = registry
        self._settings = settings
        self._now = now

    def look(self, path: str) -> Secret:
        """What stands at a path. Opens nothing."""
        head = self._head(names.data_name(path))
        live = head if head is not None and head.state is DocumentState.LIVE else None
        found = self._metadata(path, _era(head))
        return Secret(
            path=path,
            head=live,
            metadata=found[0] if found else None,
            metadata_version=found[1] if found else 0,
            rules=Rules.of(self._settings, found[0] if found else None),
        )

    def read(self, path: str, number: int | None = None) -> Read | None:
        """A version, by default the current one; None where there is none.

        What somebody deleted or destroyed is not opened, and a version that is opened is a load in the audit.
        """
        quick = None if number else self._current_at_once(path)
        if quick is not None:
            return quick
        secret = self.look(path)
        number = number or secret.current
        if secret.head is None or not secret.rules.oldest_kept(secret.current) <= number:
            return None
        if secret.metadata is None or number not in secret.metadata.deleted:
            opened = self._opened(secret, number)
            if opened is not None:
                return opened
        version = self._version(secret, number)
        if version is None:
            return None
        return Read(VersionStatus.of(version, secret.metadata, self._now()), self.custom(secret), None)

    def write(self, path: str, data: Mapping[str, Any], cas: int | None) -> tuple[VersionStatus, dict[str, str]]:
        """Add a version.

        :param cas: the number that has to be the current one; 0 for a secret without versions.
        :raises CasRequired: the rules want one.
        :raises StaleExpectation: it is another one.
        """
        secret = self.look(path)
        if cas is None and secret.rules.cas_required:
            raise CasRequired
        version = self._put(secret, data, cas)
        self._prune(secret, version.number)
        return VersionStatus.of(version, None, self._now()), self.custom(secret)

    def patch(
        self, path: str, change: Callable[[dict[str, Any]], dict[str, Any]], cas: int | None
    ) -> tuple[VersionStatus, dict[str, str]] | None:
        """Add a version that is made of the current one; None where that is not there, deleted or destroyed.

        :raises CasRequired, StaleExpectation: as for :meth:`write`; without ``cas``, another version that comes in
            between is taken up.
        """
        for _ in range(_ATTEMPTS):
            secret = self.look(path)
            if cas is None and secret.rules.cas_required:
                raise CasRequired
            if cas is not None and cas != secret.current:
                raise StaleExpectation(f"The secret is at version {secret.current}.")
            former = self.read(path)
            if former is None or former.data is None:
                return None
            with suppress(StaleExpectation):
                version = self._put(secret, change(former.data), former.status.number)
                self._prune(secret, version.number)
                return VersionStatus.of(version, None, self._now()), self.custom(secret)
            if cas is not None:
                break
        raise StaleExpectation("The secret has another version now.")

    def versions(self, secret: Secret) -> list[VersionStatus]:
        """The versions that a secret has, the oldest first: neither those that the rules do not keep nor those of a
        former secret of its name."""
        if secret.head is None:
            return []
        oldest, now = secret.rules.oldest_kept(secret.current), self._now()
        return [
            VersionStatus.of(version, secret.metadata, now)
            for version in reversed(self._registry.history(secret.head.name))
            if version.generation == secret.head.generation and version.number >= oldest
        ]

    def custom(self, secret: Secret) -> dict[str, str]:
        """What somebody wrote about the secret in words."""
        if secret.metadata is None or not secret.metadata.has_custom:
            return {}
        return load_custom(self._registry.get(names.metadata_name(secret.path)).payload)

    def delete(self, path: str, numbers: Iterable[int] | None = None) -> None:
        """Delete versions, by default the current one, so that :meth:`undelete` can bring them back."""

        def deleted(secret: Secret, metadata: Metadata) -> Metadata:
            now = self._now()
            wanted = {status.number for status in self._shown(secret, numbers) if not status.deleted}
            return metadata.model_copy(
                update={
                    "deleted": {**metadata.deleted, **dict.fromkeys(sorted(wanted), now)},
                    "restored": metadata.restored - wanted,
                }
            )

        self._change_versions(path, deleted)

    def undelete(self, path: str, numbers: Iterable[int]) -> None:
        """Bring versions back that were deleted; what is destroyed stays so."""

        def restored(secret: Secret, metadata: Metadata) -> Metadata:
            wanted = {
                status.number
                for status in self._shown(secret, numbers)
                if status.deletion_time is not None and not status.destroyed
            }
            left = {number: at for number, at in metadata.deleted.items() if number not in wanted}
            return metadata.model_copy(update={"deleted": left, "restored": metadata.restored | wanted})

        self._change_versions(path, restored)

    def destroy(self, path: str, numbers: Iterable[int]) -> None:
        """Destroy versions for good.

        :raises StoreUnavailable: they are destroyed, and a reader kept the files from being cleaned; repeat it.
        """
        secret = self.look(path)
        if secret.head is not None and secret.metadata is None and not names.is_plain(path):
            self._change_versions(path, lambda _, metadata: metadata)  # else its path would go with its last version
        for status in self._shown(secret, numbers):
            if secret.head is not None and not status.destroyed:
                self._registry.destroy(secret.head.name, status.number)

    def delete_all(self, path: str) -> None:
        """Destroy all versions of a secret, and what was set for it. Its numbers are not used again."""
        for name in (names.data_name(path), names.metadata_name(path)):
            head = self._head(name)
            if head is not None and head.state is not DocumentState.DESTROYED:
                self._registry.destroy(name)

    def set_metadata(
        self, path: str, change: Callable[[Metadata], Metadata], custom: Callable[[dict[str, str]], dict[str, str]]
    ) -> None:
        """Change what is set for a secret, whether it has versions or not.

        :param custom: from what was written about it in words to what shall be.
        """

        def changed(secret: Secret, metadata: Metadata) -> Metadata:
            return change(metadata)

        self._change_metadata(path, changed, custom)
        secret = self.look(path)
        if secret.head is not None:
            self._prune(secret, secret.current)

    def paths(self, prefix: str) -> set[str]:
        """The paths beneath one, of secrets that have versions or metadata."""
        data: dict[str, Head] = {}
        metadata: dict[str, Metadata] = {}
        for glob in names.globs_beneath(prefix):
            for head in self._registry.list(glob):
                path = _path(head) if head.state is DocumentState.LIVE else ""
                if not path or not path.startswith(f"{prefix}/" if prefix else ""):
                    continue
                if names.is_metadata(head.name):
                    metadata[path] = Metadata.model_validate_json(head.public)
                else:
                    data[path] = head
        alone = {path for path, found in metadata.items() if path not in data and self._is_of_now(path, found)}
        return set(data) | alone

    def _prune(self, secret: Secret, current: int) -> None:
        """Destroy the versions that the rules do not keep. Readers find them gone already, so that what breaks off is
        left to the next write."""
        oldest = secret.rules.oldest_kept(current)
        if oldest > 1:
            with suppress(StoreUnavailable, UnknownDocument):
                self._registry.prune(names.data_name(secret.path), oldest)

    def _is_of_now(self, path: str, metadata: Metadata) -> bool:
        return metadata.era == _era(self._head(names.data_name(path)))

    def _shown(self, secret: Secret, numbers: Iterable[int] | None) -> list[VersionStatus]:
        wanted = {secret.current} if numbers is None else set(numbers)
        return [status for status in self.versions(secret) if status.number in wanted]

    def _put(self, secret: Secret, data: Mapping[str, Any], cas: int | None) -> Version:
        name, after = names.data_name(secret.path), secret.rules.delete_version_after
        return self._registry.put(
            name,
            type=DATA_TYPE,
            schema=_SCHEMA,
            payload=json.dumps(data, separators=(",", ":"), allow_nan=False).encode(),
            public=b"" if names.is_plain(secret.path) else _dump_path(secret.path),
            overwrite=True,
            expect=cas,
            expires_at=self._now() + after if after else None,
        )

    def _current_at_once(self, path: str) -> Read | None:
        """The current version of a secret that nothing is set for, which most are; None where more has to be looked
        at."""
        head = self._head(names.metadata_name(path))
        if head is not None and head.state is DocumentState.LIVE:
            return None
        try:
            document = self._registry.get(names.data_name(path))
        except (UnknownDocument, DocumentDeleted, VersionDestroyed):
            return None
        status = VersionStatus.of(document.version, None, self._now())
        return None if status.deleted else Read(status, {}, json.loads(document.payload))

    def _opened(self, secret: Secret, number: int) -> Read | None:
        """The version with its data, unless it is destroyed, of a former era or deleted by its own date."""
        assert secret.head is not None  # noqa: S101  # the caller looked
        version = secret.head
        if number == version.current and version.expires_at is not None and self._is_past(secret, number, version):
            return None
        try:
            document = self._registry.get(Reference(version.name, version=number))
        except (UnknownVersion, VersionDestroyed, DocumentDeleted, UnknownDocument):
            return None
        if document.version.generation != version.generation:
            return None
        status = VersionStatus.of(document.version, secret.metadata, self._now())
        if status.deleted:
            return None
        return Read(status, self.custom(secret), json.loads(document.payload))

    def _is_past(self, secret: Secret, number: int, head: Head) -> bool:
        restored = secret.metadata is not None and number in secret.metadata.restored
        return not restored and head.expires_at is not None and head.expires_at <= self._now()

    def _version(self, secret: Secret, number: int) -> Version | None:
        assert secret.head is not None  # noqa: S101  # the caller looked
        for version in self._registry.history(secret.head.name):
            if version.number == number and version.generation == secret.head.generation:
                return version
        return None

    def _change_versions(self, path: str, change: Callable[[Secret, Metadata], Metadata]) -> None:
        if self.look(path).head is not None:
            self._change_metadata(path, change, dict)

    def _change_metadata(
        self,
        path: str,
        change: Callable[[Secret, Metadata], Metadata],
        custom: Callable[[dict[str, str]], dict[str, str]],
    ) -> None:
        name = names.metadata_name(path)
        for _ in range(_ATTEMPTS):
            secret = self.look(path)
            former = secret.metadata or self._fresh_metadata(secret)
            words = custom(self.custom(secret))
            metadata = change(secret, former).model_copy(update={"has_custom": bool(words)})
            if metadata == secret.metadata and not words and not former.has_custom:
                return
            with suppress(StaleExpectation):
                self._registry.put(
                    name,
                    type=METADATA_TYPE,
                    schema=_SCHEMA,
                    payload=dump_custom(words),
                    public=metadata.model_dump_json().encode(),
                    overwrite=True,
                    expect=secret.metadata_version,
                )
                return
        raise StaleExpectation("The metadata of the secret changes all the time.", "Try again.")

    def _fresh_metadata(self, secret: Secret) -> Metadata:
        return Metadata(path=secret.path, era=_era(self._head(names.data_name(secret.path))), created=self._now())

    def _metadata(self, path: str, era: int) -> tuple[Metadata | None, int] | None:
        head = self._head(names.metadata_name(path))
        if head is None or head.state is not DocumentState.LIVE:
            return None
        metadata = Metadata.model_validate_json(head.public)
        return (metadata if metadata.era == era else None), head.current

    def _head(self, name: str) -> Head | None:
        try:
            return self._registry.head(name)
        except UnknownDocument:
            return None


def _era(head: Head | None) -> int:
    """The generation that a secret of this name has, or would get."""
    if head is None:
        return 1
    return head.generation if head.state is DocumentState.LIVE else head.generation + 1


def _dump_path(path: str) -> bytes:
    return json.dumps({"path": path}, separators=(",", ":")).encode()


def _path(head: Head) -> str:
    plain = names.plain_path(head.name)
    if plain is not None:
        return plain
    if not head.public:  # somebody made it by another way
        return ""
    path: str = json.loads(head.public)["path"]
    return path
