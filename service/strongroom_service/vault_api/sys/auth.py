"""Mounts of auth methods over ``sys``."""

from __future__ import annotations

from collections.abc import Mapping

from strongroom_service.http.call import Answer
from strongroom_service.vault_api import mounting
from strongroom_service.vault_api.call import Operation, VaultCall
from strongroom_service.vault_api.engines import AUTH
from strongroom_service.vault_api.envelope import answered, done
from strongroom_service.vault_api.sys.mounts import described, tuning
from strongroom_service.vault_api.sys.route import SysRoute, sudo


def _list(call: VaultCall, values: Mapping[str, str]) -> Answer:
    mounts = {f"{path}/": described(mount) for path, mount in sorted(AUTH.all(call.service).items())}
    return answered(call, mounts, on_top=True)


def _read(call: VaultCall, values: Mapping[str, str]) -> Answer:
    return answered(call, described(mounting.found(call.service, AUTH, values["path"])), on_top=True)


def _enable(call: VaultCall, values: Mapping[str, str]) -> Answer:
    warnings = mounting.enable_auth(call.service, values["path"], call.body)
    return answered(call, None, warnings=warnings) if warnings else done()


def _disable(call: VaultCall, values: Mapping[str, str]) -> Answer:
    mounting.disable(call.service, AUTH, values["path"])
    return done()


def _read_tuning(call: VaultCall, values: Mapping[str, str]) -> Answer:
    return answered(call, tuning(mounting.found(call.service, AUTH, values["path"])), on_top=True)


def _tune(call: VaultCall, values: Mapping[str, str]) -> Answer:
    warnings = mounting.tune(call.service, AUTH, values["path"], call.body)
    return answered(call, None, warnings=warnings) if warnings else done()


ROUTES = (
    SysRoute("auth", {Operation.READ: _list}),
    SysRoute(
        "auth/{path:path}/tune",
        {Operation.READ: _read_tuning, Operation.UPDATE: _tune},
        sudo=sudo(Operation.READ, Operation.UPDATE),
    ),
    SysRoute(
        "auth/{path:path}",
        {Operation.READ: _read, Operation.UPDATE: _enable, Operation.DELETE: _disable},
        sudo=sudo(Operation.READ, Operation.UPDATE, Operation.DELETE),
    ),
)
