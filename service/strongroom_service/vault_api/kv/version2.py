"""KV version 2: values with versions, compare-and-set, deletion that can be undone, and metadata."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from strongroom_registry.errors import StaleExpectation

from strongroom_service.durations import go_duration
from strongroom_service.http.call import Answer
from strongroom_service.service import Service
from strongroom_service.vault_api import fields
from strongroom_service.vault_api.call import WRITES, Operation, VaultCall
from strongroom_service.vault_api.envelope import absent, answered, done, invalid, listed, timestamp
from strongroom_service.vault_api.kv import custom_metadata
from strongroom_service.vault_api.kv.listing import beneath
from strongroom_service.vault_api.kv.merge_patch import merged, shape
from strongroom_service.vault_api.kv.metadata import Metadata, VersionStatus
from strongroom_service.vault_api.kv.opened import secret_path, secrets_of
from strongroom_service.vault_api.kv.secret_store import CasRequired, Read, SecretStore
from strongroom_service.vault_api.mount import Mount, MountTable

MAX_VERSIONS = 100_000
_STALE = "check-and-set parameter did not match the current version"
_MISSING = "check-and-set parameter required for this call"
_MERGE_PATCH = "application/merge-patch+json"

Handler = Callable[["KvVersion2", VaultCall, Mount, str], Answer]


class KvVersion2:
    """Answers beneath mounts of KV version 2.

    :param mounts: where the settings of a mount are kept.
    """

    def __init__(self, mounts: MountTable) -> None:
        self._mounts = mounts

    def handle(self, call: VaultCall, mount: Mount, rest: str) -> Answer:
        """One request; see :class:`~strongroom_service.vault_api.mount.Engine`."""
        word, _, path = rest.partition("/")
        handler = _HANDLERS.get((word, Operation.UPDATE if call.operation in WRITES else call.operation))
        if handler is None:
            raise absent() if call.operation in (Operation.READ, Operation.LIST) else invalid("unsupported operation")
        try:
            return handler(self, call, mount, path)
        except CasRequired:
            raise invalid(_MISSING) from None
        except StaleExpectation:
            raise invalid(_STALE) from None

    def exists(self, service: Service, mount: Mount, rest: str) -> bool | None:
        """Whether the secret has versions, or metadata where that is written."""
        word, _, path = rest.partition("/")
        if word not in ("data", "metadata") or not path:
            return None
        secret = secrets_of(service, mount).look(path)
        return secret.is_there if word == "metadata" else secret.head is not None

    def _secrets(self, call: VaultCall, mount: Mount) -> SecretStore:
        return secrets_of(call.service, mount)

    def read_config(self, call: VaultCall, mount: Mount, path: str) -> Answer:
        _no_more(path)
        return answered(
            call,
            {
                "max_versions": int(mount.settings.get("max_versions", 0)),
                "cas_required": bool(mount.settings.get("cas_required", False)),
                "delete_version_after": go_duration(
                    timedelta(microseconds=int(mount.settings.get("delete_version_after", 0)))
                ),
            },
        )

    def write_config(self, call: VaultCall, mount: Mount, path: str) -> Answer:
        _no_more(path)
        changes: dict[str, str | int | bool] = {
            name: value for name, value in _settings(call.body).items() if not isinstance(value, timedelta)
        }
        after = fields.duration(call.body, "delete_version_after")
        if after is not None:
            changes["delete_version_after"] = after // timedelta(microseconds=1)
        self._mounts.update(
            call.service, mount.path, lambda now: now.model_copy(update={"settings": {**now.settings, **changes}})
        )
        return done()

    def read(self, call: VaultCall, mount: Mount, path: str) -> Answer:
        found = self._secrets(call, mount).read(secret_path(path), _version(call))
        if found is None:
            raise absent()
        return _shown(call, found, found.data)

    def write(self, call: VaultCall, mount: Mount, path: str) -> Answer:
        data = _data(call.body)
        status, custom = self._secrets(call, mount).write(secret_path(path), data, _cas(call.body))
        return answered(call, _version_data(status, custom))

    def patch(self, call: VaultCall, mount: Mount, path: str) -> Answer:
        if call.headers.get("content-type", "").partition(";")[0].strip() != _MERGE_PATCH:
            raise invalid(f"a patch has the content type {_MERGE_PATCH}")
        change = _data(call.body)
        found = self._secrets(call, mount).patch(
            secret_path(path), lambda former: merged(former, change), _cas(call.body)
        )
        if found is None:
            raise absent()
        return answered(call, _version_data(*found))

    def subkeys(self, call: VaultCall, mount: Mount, path: str) -> Answer:
        depth = fields.integer(call.query, "depth", 0, most=1000) or 0
        found = self._secrets(call, mount).read(secret_path(path), _version(call))
        if found is None:
            raise absent()
        subkeys = None if found.data is None else shape(found.data, depth) or {}
        answer = {"subkeys": subkeys, "metadata": _version_data(found.status, found.custom)}
        return answered(call, answer, status=404 if subkeys is None else 200)

    def delete_latest(self, call: VaultCall, mount: Mount, path: str) -> Answer:
        self._secrets(call, mount).delete(secret_path(path))
        return done()

    def delete_versions(self, call: VaultCall, mount: Mount, path: str) -> Answer:
        self._secrets(call, mount).delete(secret_path(path), _versions(call.body))
        return done()

    def undelete_versions(self, call: VaultCall, mount: Mount, path: str) -> Answer:
        self._secrets(call, mount).undelete(secret_path(path), _versions(call.body))
        return done()

    def destroy_versions(self, call: VaultCall, mount: Mount, path: str) -> Answer:
        self._secrets(call, mount).destroy(secret_path(path), _versions(call.body))
        return done()

    def list_secrets(self, call: VaultCall, mount: Mount, path: str) -> Answer:
        names = beneath(self._secrets(call, mount).paths(path), path)
        call.service.record(call.caller, "list", name=path, workspace=mount.workspace)
        return listed(call, names)

    def read_metadata(self, call: VaultCall, mount: Mount, path: str) -> Answer:
        secrets = self._secrets(call, mount)
        secret = secrets.look(secret_path(path))
        if not secret.is_there:
            raise absent()
        versions = secrets.versions(secret)
        metadata = secret.metadata
        created = versions[0].created_time if versions else None
        if metadata is not None and (created is None or metadata.created < created):
            created = metadata.created
        updated = versions[-1].created_time if versions else created
        call.service.record(call.caller, "view", name=path, workspace=mount.workspace)
        return answered(
            call,
            {
                "cas_required": bool(metadata and metadata.cas_required),
                "created_time": timestamp(created),
                "current_version": secret.current,
                "custom_metadata": secrets.custom(secret) or None,
                "delete_version_after": go_duration(metadata.delete_version_after if metadata else timedelta(0)),
                "max_versions": metadata.max_versions if metadata else 0,
                "oldest_version": versions[0].number if versions else 0,
                "updated_time": timestamp(updated),
                "versions": {str(status.number): _status(status) for status in versions},
            },
        )

    def write_metadata(self, call: VaultCall, mount: Mount, path: str) -> Answer:
        custom = custom_metadata.checked(call.body.get("custom_metadata"))
        self._set_metadata(call, mount, path, lambda former: former if custom is None else custom)
        return done()

    def patch_metadata(self, call: VaultCall, mount: Mount, path: str) -> Answer:
        if not self._secrets(call, mount).look(secret_path(path)).is_there:
            raise absent()
        change = fields.mapping(call.body, "custom_metadata") or {}
        self._set_metadata(call, mount, path, lambda former: custom_metadata.checked(merged(former, change)) or {})
        return done()

    def delete_metadata(self, call: VaultCall, mount: Mount, path: str) -> Answer:
        self._secrets(call, mount).delete_all(secret_path(path))
        return done()

    def _set_metadata(
        self, call: VaultCall, mount: Mount, path: str, custom: Callable[[dict[str, str]], dict[str, str]]
    ) -> None:
        changes = _settings(call.body)
        after = fields.duration(call.body, "delete_version_after")
        if after is not None:
            changes["delete_version_after"] = after

        def changed(former: Metadata) -> Metadata:
            return former.model_copy(update=changes)

        self._secrets(call, mount).set_metadata(secret_path(path), changed, custom)


_HANDLERS: dict[tuple[str, Operation], Handler] = {
    ("config", Operation.READ): KvVersion2.read_config,
    ("config", Operation.UPDATE): KvVersion2.write_config,
    ("data", Operation.READ): KvVersion2.read,
    ("data", Operation.UPDATE): KvVersion2.write,
    ("data", Operation.PATCH): KvVersion2.patch,
    ("data", Operation.DELETE): KvVersion2.delete_latest,
    ("subkeys", Operation.READ): KvVersion2.subkeys,
    ("delete", Operation.UPDATE): KvVersion2.delete_versions,
    ("undelete", Operation.UPDATE): KvVersion2.undelete_versions,
    ("destroy", Operation.UPDATE): KvVersion2.destroy_versions,
    ("metadata", Operation.LIST): KvVersion2.list_secrets,
    ("metadata", Operation.READ): KvVersion2.read_metadata,
    ("metadata", Operation.UPDATE): KvVersion2.write_metadata,
    ("metadata", Operation.PATCH): KvVersion2.patch_metadata,
    ("metadata", Operation.DELETE): KvVersion2.delete_metadata,
}


def _settings(body: Mapping[str, Any]) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    most = fields.integer(body, "max_versions", most=MAX_VERSIONS)
    if most is not None:
        changes["max_versions"] = most
    required = fields.boolean(body, "cas_required")
    if required is not None:
        changes["cas_required"] = required
    return changes


def _data(body: Mapping[str, Any]) -> dict[str, Any]:
    data = fields.mapping(body, "data")
    if data is None:
        raise invalid("no data provided")
    return data


def _cas(body: Mapping[str, Any]) -> int | None:
    """The number that has to be the current one. A precondition that is not understood is never ignored."""
    options = fields.mapping(body, "options") or {}
    if "cas" not in options:
        return None
    cas = options["cas"]
    if isinstance(cas, bool) or not isinstance(cas, int):
        raise invalid("error parsing check-and-set parameter: cas is a whole number")
    if not 0 <= cas <= 2**31:
        raise invalid(_STALE)
    return cas


def _version(call: VaultCall) -> int | None:
    return fields.integer(call.query, "version", most=2**31) or None


def _versions(body: Mapping[str, Any]) -> list[int]:
    value = body.get("versions")
    if isinstance(value, int | str) and not isinstance(value, bool):
        value = [value]
    if not isinstance(value, list) or not value or len(value) > MAX_VERSIONS:
        raise invalid("no version number provided: versions is a list of numbers")
    numbers = [fields.integer({"versions": one}, "versions", most=2**31) for one in value]
    if None in numbers:
        raise invalid("versions is a list of numbers")
    return [number for number in numbers if number is not None]


def _no_more(path: str) -> None:
    if path:
        raise absent()


def _shown(call: VaultCall, found: Read, data: dict[str, Any] | None) -> Answer:
    answer = {"data": data, "metadata": _version_data(found.status, found.custom)}
    return answered(call, answer, status=404 if data is None else 200)


def _version_data(status: VersionStatus, custom: Mapping[str, str]) -> dict[str, Any]:
    return {**_status(status), "custom_metadata": dict(custom) or None, "version": status.number}


def _status(status: VersionStatus) -> dict[str, Any]:
    return {
        "created_time": timestamp(status.created_time),
        "deletion_time": timestamp(status.deletion_time),
        "destroyed": status.destroyed,
    }
