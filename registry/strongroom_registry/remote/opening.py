"""From an address and a token to a registry, or to what a server says of its workspaces."""

from __future__ import annotations

from strongroom_registry.errors import InvalidConfiguration
from strongroom_registry.remote.address import Address
from strongroom_registry.remote.connection import Connection
from strongroom_registry.remote.registry import RemoteRegistry
from strongroom_registry.remote.settings import RemoteSettings
from strongroom_registry.remote.snapshot import Snapshot, cache_folder
from strongroom_registry.remote.token import Bearer
from strongroom_registry.settings import RegistrySettings


def open_remote(
    url: str, *, key: str | None, workspace: str | None, actor: str | None, anchor: str | None
) -> RemoteRegistry:
    """As :func:`~strongroom_registry.open_registry`, of a server."""
    settings = RegistrySettings()
    check_left_to_the_server(settings, key=key, actor=actor, anchor=anchor)
    name = workspace or settings.workspace
    remote = RemoteSettings()
    connection = connected(url, remote)
    snapshot = None
    if remote.offline_max_age:
        place = f"{connection.address} {name}"
        snapshot = Snapshot(cache_folder() / "offline", place, connection.token, remote.offline_max_age)
    try:
        return RemoteRegistry(connection, name, snapshot=snapshot)
    except BaseException:
        connection.close()
        raise


def connected(url: str, settings: RemoteSettings | None = None) -> Connection:
    """A connection to the server at an address, with the token and the certificates of the settings.

    :raises InvalidConfiguration: the address is none, or the certificates cannot be read.
    """
    settings = settings or RemoteSettings()
    address = Address.parse(url, insecure=settings.insecure)
    given = None if settings.token is None else settings.token.get_secret_value().strip()
    return Connection(address, Bearer(address, given), ca=settings.ca)


def check_left_to_the_server(
    settings: RegistrySettings, *, key: str | None = None, actor: str | None = None, anchor: str | None = None
) -> None:
    """Refuse what a client of a server would set in vain.

    :raises InvalidConfiguration: a key, an actor or an anchor is set.
    """
    said = {
        "KEY": (key or settings.key, "has the key"),
        "ACTOR": (actor or settings.actor, "knows who asks by the token"),
        "ANCHOR": (settings.anchor if anchor is None else anchor, "keeps the anchor"),
    }
    for name, (value, why) in said.items():
        if value:
            raise InvalidConfiguration(
                f"STRONGROOM_{name} is set, and the registry is a server's, which {why}.", f"Unset STRONGROOM_{name}."
            )
