"""Mounts: which engine answers beneath which path, and where it keeps what it is given."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Protocol
from uuid import uuid4
from weakref import WeakKeyDictionary

from pydantic import BaseModel, ConfigDict, Field
from strongroom_registry.errors import StaleExpectation

from strongroom_service.http.call import Answer
from strongroom_service.service import Service
from strongroom_service.state.directory import Directory
from strongroom_service.vault_api.call import VaultCall
from strongroom_service.vault_api.envelope import invalid
from strongroom_service.workspaces import workspace_of_mount

DEFAULT_LEASE_SECONDS = 2764800
"""What a mount says of its leases where nothing was tuned: 32 days."""


class Mount(BaseModel):
    """One mount.

    ``path`` has no slash at either end. ``type`` is ``kv`` (``options["version"]`` says which), ``transit``,
    ``blocks``, or the type of an auth method. What the engine keeps lies in a workspace of its own. One that is
    ``removing`` answers no more.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: str
    type: str
    accessor: str
    uuid: str
    description: str = ""
    options: dict[str, str] = Field(default_factory=dict)
    default_lease_ttl: int = 0
    max_lease_ttl: int = 0
    settings: dict[str, str | int | bool] = Field(default_factory=dict)
    removing: bool = False

    @property
    def workspace(self) -> str:
        """The workspace that the engine keeps its things in; that of another mount never has this name."""
        return workspace_of_mount(self.accessor)

    @property
    def version(self) -> int:
        """The version of a KV mount."""
        return 2 if self.options.get("version") == "2" else 1


class Engine(Protocol):
    """What answers beneath the mounts of a type."""

    def handle(self, call: VaultCall, mount: Mount, rest: str) -> Answer:
        """Answer a request whose path is ``mount.path``, a slash and ``rest``. The caller's capabilities on that path
        were checked."""

    def exists(self, service: Service, mount: Mount, rest: str) -> bool | None:
        """Whether what is written to is there already, which tells ``create`` from ``update``; None where that makes
        no difference."""

    def is_open(self, mount: Mount, rest: str) -> bool:
        """Whether this path is answered without a token: that of a login."""

    def unmounted(self, service: Service, mount: Mount) -> None:
        """Remove what belongs to a mount that is gone, but its workspace."""


class EngineDefaults:
    """What most engines say."""

    def exists(self, service: Service, mount: Mount, rest: str) -> bool | None:
        return None

    def is_open(self, mount: Mount, rest: str) -> bool:
        return False

    def unmounted(self, service: Service, mount: Mount) -> None:
        return None


class MountTable:
    """The mounts of one kind: of secrets, or of auth methods. Safe to use from several threads.

    :param kind: the kind of record in the directory.
    :param built_in: mounts that are always there and cannot be removed.
    """

    def __init__(self, kind: str, built_in: tuple[Mount, ...] = ()) -> None:
        self.kind = kind
        self.built_in = built_in
        self._seen: WeakKeyDictionary[Directory, tuple[bytes, tuple[Mount, ...]]] = WeakKeyDictionary()

    def all(self, service: Service) -> dict[str, Mount]:
        """The mounts by their paths."""
        found = {mount.path: mount for mount in self._recorded(service) if not mount.removing}
        return {**found, **{mount.path: mount for mount in self.built_in}}

    def get(self, service: Service, path: str) -> Mount | None:
        """The mount of exactly this path."""
        for mount in self.built_in:
            if mount.path == path:
                return mount
        recorded = service.directory.get(self.kind, _record(path), Mount)
        return None if recorded is None or recorded.removing else recorded

    def removing(self, service: Service) -> list[Mount]:
        """Those whose removal began and did not end."""
        return [mount for mount in self._recorded(service) if mount.removing]

    def find(self, service: Service, path: str) -> tuple[Mount, str] | None:
        """The mount that answers a path, and what of the path is left to it."""
        best: Mount | None = None
        for mount in self.all(service).values():
            if (path == mount.path or path.startswith(mount.path + "/")) and (
                best is None or len(mount.path) > len(best.path)
            ):
                best = mount
        return None if best is None else (best, path[len(best.path) + 1 :])

    def overlapping(self, service: Service, path: str, *, but: str = "") -> str | None:
        """The path of a mount that would answer for this one, or of one that this would answer for; ``but`` does not
        count."""
        for other in self.all(service):
            if other == but:
                continue
            if other == path or other.startswith(path + "/") or path.startswith(other + "/"):
                return other
        return None

    def add(self, service: Service, mount: Mount) -> None:
        """Write down a mount.

        :raises StaleExpectation: there is one of its path.
        """
        service.directory.put(self.kind, _record(mount.path), mount, expect=0)

    def update(self, service: Service, path: str, change: Callable[[Mount], Mount]) -> Mount:
        """Change what is written down of a mount.

        :raises InvalidRequest: there is none of this path, or it is one that is always there.
        """
        while True:
            found = service.directory.found(self.kind, _record(path), Mount)
            if found is None:
                raise invalid(f"no mount at {path!r:.200} that can be changed")
            changed = change(found.value)
            with suppress(StaleExpectation):
                service.directory.put(self.kind, _record(path), changed, expect=found.version)
                return changed

    def remove(self, service: Service, mount: Mount) -> None:
        """Have the mount answer no more."""
        service.directory.remove(self.kind, _record(mount.path))

    def _recorded(self, service: Service) -> tuple[Mount, ...]:
        """All on record, as new as the registry."""
        directory = service.directory
        revision, seen = directory.revision(), self._seen.get(directory)
        if seen is None or seen[0] != revision:
            seen = self._seen[directory] = (revision, tuple(directory.all(self.kind, Mount).values()))
        return seen[1]

    def is_built_in(self, mount: Mount) -> bool:
        """Whether it cannot be removed."""
        return mount in self.built_in


def new_mount(path: str, type_: str, *, options: Mapping[str, str] | None = None, description: str = "") -> Mount:
    """A mount that was never there before."""
    return Mount(
        path=path,
        type=type_,
        accessor=f"{type_}-{secrets.token_hex(8)}",
        uuid=str(uuid4()),
        options=dict(options or {}),
        description=description,
    )


def _record(path: str) -> str:
    return hashlib.sha256(path.encode()).hexdigest()[:48]
