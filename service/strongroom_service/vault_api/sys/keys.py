"""The keys that secrets are sealed with, over ``sys``."""

from __future__ import annotations

from collections.abc import Mapping

from strongroom_registry.rotation import Level

from strongroom_service.http.call import Answer
from strongroom_service.vault_api.call import Operation, VaultCall
from strongroom_service.vault_api.engines import SECRETS
from strongroom_service.vault_api.envelope import answered, done, timestamp
from strongroom_service.vault_api.sys.route import SysRoute, sudo


def _key_status(call: VaultCall, values: Mapping[str, str]) -> Answer:
    newest = call.service.workspaces.own.keys()[0]
    return answered(call, {"term": newest.epoch, "install_time": timestamp(newest.created_at)}, on_top=True)


def _rotate(call: VaultCall, values: Mapping[str, str]) -> Answer:
    """New keys for the service's own workspace and for those of all mounts; those of blocks have rotations of their
    own."""
    service = call.service
    mounted = [mount.workspace for mount in SECRETS.all(service).values() if not SECRETS.is_built_in(mount)]
    for registry in (service.workspaces.own, *map(service.registry, mounted)):
        registry.rotate(Level.WORKSPACE)
    return done()


ROUTES = (
    SysRoute("key-status", {Operation.READ: _key_status}),
    SysRoute("rotate", {Operation.UPDATE: _rotate}, sudo=sudo(Operation.UPDATE)),
)
