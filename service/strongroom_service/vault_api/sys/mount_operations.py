"""What ``sys`` does with the mounts of one table, be they of secrets or of auth methods."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from strongroom_service.http.call import Answer
from strongroom_service.service import Service
from strongroom_service.vault_api import mounting
from strongroom_service.vault_api.call import VaultCall
from strongroom_service.vault_api.envelope import answered, done
from strongroom_service.vault_api.mount import DEFAULT_LEASE_SECONDS, Mount, MountTable

Enable = Callable[[Service, str, Mapping[str, Any]], list[str]]
"""Makes a mount at a path, from a body; says what of that has no effect."""


def described(mount: Mount) -> dict[str, Any]:
    """A mount as it is listed."""
    return {
        "accessor": mount.accessor,
        "config": {
            "default_lease_ttl": mount.default_lease_ttl,
            "max_lease_ttl": mount.max_lease_ttl,
            "force_no_cache": False,
        },
        "description": mount.description,
        "external_entropy_access": False,
        "local": False,
        "options": dict(mount.options) or None,
        "seal_wrap": False,
        "type": "kv" if mount.type == "blocks" else mount.type,
        "uuid": mount.uuid,
    }


@dataclass(frozen=True, slots=True)
class MountOperations:
    """The handlers of one table."""

    table: MountTable
    make: Enable

    def listed(self, service: Service) -> dict[str, Any]:
        """The mounts by their paths, as clients are told of them."""
        return {f"{path}/": described(mount) for path, mount in sorted(self.table.all(service).items())}

    def read(self, call: VaultCall, values: Mapping[str, str]) -> Answer:
        """Tell of a mount."""
        return answered(call, described(self._found(call, values)), on_top=True)

    def enable(self, call: VaultCall, values: Mapping[str, str]) -> Answer:
        """Make a mount."""
        return _warned(call, self.make(call.service, values["path"], call.body))

    def disable(self, call: VaultCall, values: Mapping[str, str]) -> Answer:
        """Remove a mount, with all that is in it."""
        mounting.disable(call.service, self.table, values["path"])
        return done()

    def read_tuning(self, call: VaultCall, values: Mapping[str, str]) -> Answer:
        """Tell what can be tuned of a mount, with the values that hold."""
        mount = self._found(call, values)
        tuning = {
            "default_lease_ttl": mount.default_lease_ttl or DEFAULT_LEASE_SECONDS,
            "max_lease_ttl": mount.max_lease_ttl or DEFAULT_LEASE_SECONDS,
            "description": mount.description,
            "force_no_cache": False,
            **({"options": dict(mount.options)} if mount.options else {}),
        }
        return answered(call, tuning, on_top=True)

    def tune(self, call: VaultCall, values: Mapping[str, str]) -> Answer:
        """Change what can be tuned of a mount."""
        return _warned(call, mounting.tune(call.service, self.table, values["path"], call.body))

    def _found(self, call: VaultCall, values: Mapping[str, str]) -> Mount:
        return mounting.found(call.service, self.table, values["path"])


def _warned(call: VaultCall, warnings: list[str]) -> Answer:
    return answered(call, None, warnings=warnings) if warnings else done()
