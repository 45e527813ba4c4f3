"""Mounts of auth methods over ``sys``."""

from __future__ import annotations

from collections.abc import Mapping

from strongroom_service.http.call import Answer
from strongroom_service.vault_api import mounting
from strongroom_service.vault_api.call import Operation, VaultCall
from strongroom_service.vault_api.engines import AUTH
from strongroom_service.vault_api.envelope import answered
from strongroom_service.vault_api.sys.mount_operations import MountOperations
from strongroom_service.vault_api.sys.route import SysRoute, sudo

_METHODS = MountOperations(AUTH, mounting.enable_auth)


def _list(call: VaultCall, values: Mapping[str, str]) -> Answer:
    return answered(call, _METHODS.listed(call.service), on_top=True)


ROUTES = (
    SysRoute("auth", {Operation.READ: _list}),
    SysRoute(
        "auth/{path:path}/tune",
        {Operation.READ: _METHODS.read_tuning, Operation.UPDATE: _METHODS.tune},
        sudo=sudo(Operation.READ, Operation.UPDATE),
    ),
    SysRoute(
        "auth/{path:path}",
        {Operation.READ: _METHODS.read, Operation.UPDATE: _METHODS.enable, Operation.DELETE: _METHODS.disable},
        sudo=sudo(Operation.READ, Operation.UPDATE, Operation.DELETE),
    ),
)
