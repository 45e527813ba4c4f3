"""Mounts of secrets over ``sys``: listing, making, tuning, moving and removing them."""

from __future__ import annotations

from collections.abc import Mapping

from strongroom_service.http.call import Answer
from strongroom_service.vault_api import mounting
from strongroom_service.vault_api.acl.capability import Capability
from strongroom_service.vault_api.acl.policies import POLICIES
from strongroom_service.vault_api.call import Operation, VaultCall
from strongroom_service.vault_api.engines import AUTH, SECRETS
from strongroom_service.vault_api.envelope import answered, denied, done
from strongroom_service.vault_api.fields import text
from strongroom_service.vault_api.sys.mount_operations import MountOperations, described
from strongroom_service.vault_api.sys.route import SysRoute, sudo

_SECRETS = MountOperations(SECRETS, mounting.enable_secrets)
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
    return answered(call, {**_SECRETS.listed(call.service), "sys/": _SYS}, on_top=True)


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
    SysRoute("mounts/{path:path}/tune", {Operation.READ: _SECRETS.read_tuning, Operation.UPDATE: _SECRETS.tune}),
    SysRoute(
        "mounts/{path:path}",
        {Operation.READ: _SECRETS.read, Operation.UPDATE: _SECRETS.enable, Operation.DELETE: _SECRETS.disable},
    ),
    SysRoute("remount", {Operation.UPDATE: _remount}, sudo=sudo(Operation.UPDATE)),
    SysRoute("internal/ui/mounts", {Operation.READ: _ui_mounts}),
    SysRoute("internal/ui/mounts/{path:path}", {Operation.READ: _ui_mount}),
)
