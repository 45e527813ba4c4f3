"""KV version 1: one value a path, without versions."""

from __future__ import annotations

from strongroom_service.durations import parse_duration
from strongroom_service.http.call import Answer
from strongroom_service.service import Service
from strongroom_service.vault_api.call import WRITES, Operation, VaultCall
from strongroom_service.vault_api.envelope import absent, answered, done, invalid, listed
from strongroom_service.vault_api.kv.listing import beneath
from strongroom_service.vault_api.kv.opened import secret_path, secrets_of
from strongroom_service.vault_api.mount import DEFAULT_LEASE_SECONDS, Mount


class KvVersion1:
    """Answers beneath mounts of KV version 1. A value that is written over is destroyed."""

    def handle(self, call: VaultCall, mount: Mount, rest: str) -> Answer:
        """One request; see :class:`~strongroom_service.vault_api.mount.Engine`."""
        secrets = secrets_of(call.service, mount, max_versions=1)
        if call.operation is Operation.LIST:
            names = beneath(secrets.paths(rest), rest)
            call.service.record(call.caller, "list", name=rest, workspace=mount.workspace)
            return listed(call, names)
        path = secret_path(rest)
        if call.operation is Operation.READ:
            found = secrets.read(path)
            if found is None or found.data is None:
                raise absent()
            return answered(call, found.data, lease_duration=_lease(found.data, mount))
        if call.operation in WRITES:
            if not call.body:
                raise invalid("missing data fields")
            secrets.write(path, call.body, None)
            return done()
        if call.operation is Operation.DELETE:
            secrets.delete_all(path)
            return done()
        raise invalid("unsupported operation")

    def exists(self, service: Service, mount: Mount, rest: str) -> bool | None:
        """Whether a value stands there."""
        return secrets_of(service, mount, max_versions=1).look(secret_path(rest)).head is not None


def _lease(data: dict[str, object], mount: Mount) -> int:
    """The seconds after which to ask again: what the value itself says under ``ttl``, or the mount."""
    own = parse_duration(data.get("ttl", data.get("lease")))
    if own:
        return int(own.total_seconds())
    return mount.default_lease_ttl or DEFAULT_LEASE_SECONDS
