"""The secrets of a KV mount, opened for a request."""

from __future__ import annotations

from strongroom_registry.errors import UnknownWorkspace

from strongroom_service.service import Service
from strongroom_service.vault_api.envelope import absent, invalid
from strongroom_service.vault_api.kv import names
from strongroom_service.vault_api.kv.secret_store import SecretStore
from strongroom_service.vault_api.mount import Mount


def secrets_of(service: Service, mount: Mount, **settings: object) -> SecretStore:
    """The secrets of a mount.

    :param settings: what holds in the place of the mount's own settings.
    :raises UnknownThing: the mount is being removed.
    """
    try:
        registry = service.registry(mount.workspace)
    except UnknownWorkspace:
        raise absent(f"no handler for route {mount.path!r:.200}") from None
    return SecretStore(registry, settings or mount.settings, service.now)


def secret_path(rest: str) -> str:
    """The path of a secret.

    :raises InvalidRequest: there is none, or it is too long.
    """
    if not rest:
        raise invalid("missing path")
    if len(rest.encode()) > names.PATH_MAX:
        raise invalid(f"a path has at most {names.PATH_MAX} bytes")
    return rest
