"""Mounts of secrets over ``sys``: listing, making, tuning, moving and removing them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from strongroom_service.http.call import Answer
from strongroom_service.vault_api import mounting
from strongroom_service.vault_api.acl.capability import Capability
from strongroom_service.vault_api.acl.policies import POLICIES
from strongroom_service.vault_api.call import Operation, VaultCall
from strongroom_service.vault_api.engines import AUTH, SECRETS
from strongroom_service.vault_api.envelope import answered, denied, done
from strongroom_service.vault_api.fields import text
from strongroom_service.vault_api.mount import DEFAULT_LEASE_SECONDS, Mount
from strongroom_service.vault_api.sys.route import SysRoute, sudo


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


def tuning(mount: Mount) -> dict[str, Any]:
    """What can be tuned of a mount, with the values that hold."""
    return {
        "default_lease_ttl": mount.default_lease_ttl or DEFAULT_LEASE_SECONDS,
        "max_lease_ttl": mount.max_lease_ttl or DEFAULT_LEASE_SECONDS,
        "description": mount.description,
        "force_no_cache": False,
        **({"options": dict(mount.options)} if mount.options else {}),
    }


_SYS = {
    "accessor": "system-0",
    "config": {"default_lease_ttl": 0, "max_lease_ttl": 0, "force_no_cache": False},
    "description": "system endpoints used for control, policy and debugging",
    "external_entropy_access": False,
    "local": False,
    "options": None,
    "seal_wrap": False,
    "type": "system",
    "uuid": "00000000-0000-0000-0000-000000000000",
}


def _list(call: VaultCall, values: Mapping[str, str]) -> Answer:
    mounts = {f"{path}/": described(mount) for path, mount in sorted(SECRETS.all(call.service).items())}
    return answered(call, {**mounts, "sys/": _SYS}, on_top=True)


def _read(call: VaultCall, values: Mapping[str, str]) -> Answer:
    return answered(call, described(mounting.found(call.service, SECRETS, values["path"])), on_top=True)


def _enable(call: VaultCall, values: Mapping[str, str]) -> Answer:
    warnings = mounting.enable_secrets(call.service, values["path"], call.body)
    return answered(call, None, warnings=warnings) if warnings else done()


def _disable(call: VaultCall, values: Mapping[str, str]) -> Answer:
    mounting.disable(call.service, SECRETS, values["path"])
    return done()


def _read_tuning(call: VaultCall, values: Mapping[str, str]) -> Answer:
    return answered(call, tuning(mounting.found(call.service, SECRETS, values["path"])), on_top=True)


def _tune(call: VaultCall, values: Mapping[str, str]) -> Answer:
    warnings = mounting.tune(call.service, SECRETS, values["path"], call.body)
    return answered(call, None, warnings=warnings) if warnings else done()


def _remount(call: VaultCall, values: Mapping[str, str]) -> Answer:
    mounting.move(call.service, SECRETS, text(call.body, "from"), text(call.body, "to"))
    return done()


def _ui_mounts(call: VaultCall, values: Mapping[str, str]) -> Answer:
    """The mounts that the caller may do anything with."""
    secret = {f"{path}/": described(mount) for path, mount in SECRETS.all(call.service).items() if _is_seen(call, path)}
    auth = {
        f"{path}/": described(mount) for path, mount in AUTH.all(call.service).items() if _is_seen(call, f"auth/{path}")
    }
    return answered(call, {"secret": secret, "auth": auth})


def _ui_mount(call: VaultCall, values: Mapping[str, str]) -> Answer:
    """The mount that a path lies beneath; clients ask which version of KV it is."""
    path = values["path"].strip("/")
    table, below = (AUTH, path.removeprefix("auth/")) if path.startswith("auth/") else (SECRETS, path)
    found = table.find(call.service, below)
    if found is None or not (_is_seen(call, path) or _is_seen(call, found[0].path)):
        raise denied()
    prefix = "auth/" if table is AUTH else ""
    return answered(call, {**described(found[0]), "path": f"{prefix}{found[0].path}/"})


def _is_seen(call: VaultCall, path: str) -> bool:
    """Whether the caller may do something there, or beneath."""
    if call.caller.is_root:
        return True
    acl = POLICIES.acl(call.service, call.caller)
    return acl.reaches(path) or any(capability != Capability.DENY for capability in acl.capabilities(path))


ROUTES = (
    SysRoute("mounts", {Operation.READ: _list}),
    SysRoute("mounts/{path:path}/tune", {Operation.READ: _read_tuning, Operation.UPDATE: _tune}),
    SysRoute(
        "mounts/{path:path}",
        {Operation.READ: _read, Operation.UPDATE: _enable, Operation.DELETE: _disable},
    ),
    SysRoute("remount", {Operation.UPDATE: _remount}, sudo=sudo(Operation.UPDATE)),
    SysRoute("internal/ui/mounts", {Operation.READ: _ui_mounts}),
    SysRoute("internal/ui/mounts/{path:path}", {Operation.READ: _ui_mount}),
)
