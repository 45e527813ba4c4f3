"""The secrets of each KV mount of a service, opened for a request."""

from __future__ import annotations

from strongroom_registry.errors import UnknownWorkspace

from strongroom_service.service import Service
from strongroom_service.vault_api.envelope import absent, invalid
from strongroom_service.vault_api.kv import names
from strongroom_service.vault_api.kv.secret_store import SecretStore
from strongroom_service.vault_api.mount import Mount

_SWEPT_MAX = 4096


class Stores:
    """Hands out the secrets of a mount, and remembers between requests what was pruned of them."""

    def __init__(self) -> None:
        self._swept: dict[str, dict[str, int]] = {}

    def of(self, service: Service, mount: Mount, **settings: object) -> SecretStore:
        """The secrets of a mount.

        :param settings: what holds in the place of the mount's own settings.
        :raises UnknownThing: the mount is being removed.
        """
        try:
            registry = service.registry(mount.workspace)
        except UnknownWorkspace:
            raise absent(f"no handler for route {mount.path!r:.200}") from None
        swept = self._swept.setdefault(mount.workspace, {})
        if len(swept) >= _SWEPT_MAX:
            swept.clear()
        return SecretStore(registry, settings or mount.settings, service.now, swept)

    def forget(self, mount: Mount) -> None:
        """Forget a mount that is gone."""
        self._swept.pop(mount.workspace, None)


def secret_path(rest: str) -> str:
    """The path of a secret.

    :raises InvalidRequest: there is none, or it is too long.
    """
    if not rest:
        raise invalid("missing path")
    if len(rest.encode()) > names.PATH_MAX:
        raise invalid(f"a path has at most {names.PATH_MAX} bytes")
    return rest
