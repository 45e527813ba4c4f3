"""The engine of transit mounts: which operation a path and a method mean."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from threading import Lock
from types import MappingProxyType
from typing import NamedTuple
from weakref import WeakKeyDictionary

from strongroom_registry import Registry

from strongroom_service.http.call import Answer
from strongroom_service.service import Service
from strongroom_service.state.directory import Directory
from strongroom_service.vault_api.call import WRITES, Operation, VaultCall
from strongroom_service.vault_api.envelope import absent, invalid
from strongroom_service.vault_api.mount import EngineDefaults, Mount
from strongroom_service.vault_api.transit import data_operations as data
from strongroom_service.vault_api.transit import key_operations as keys_
from strongroom_service.vault_api.transit.keys import Keys, checked
from strongroom_service.vault_api.transit.request import TransitRequest

Handler = Callable[[TransitRequest], Answer]
_READ, _LIST, _DELETE = (frozenset({one}) for one in (Operation.READ, Operation.LIST, Operation.DELETE))


class Path(NamedTuple):
    """What a path means: ``<…>`` stands for any segment, ``<name>`` for that which names the key."""

    shape: tuple[str, ...]
    handlers: Mapping[frozenset[Operation], Handler]


def _path(shape: str, *handlers: tuple[frozenset[Operation], Handler]) -> Path:
    return Path(tuple(shape.split("/")), MappingProxyType(dict(handlers)))


PATHS = (
    _path("keys", (_LIST, keys_.list_keys)),
    _path("keys/<name>", (_READ, keys_.read), (WRITES, keys_.create), (_DELETE, keys_.remove)),
    _path("keys/<name>/config", (WRITES, keys_.configure)),
    _path("keys/<name>/rotate", (WRITES, keys_.rotate)),
    _path("keys/<name>/trim", (WRITES, keys_.trim)),
    _path("keys/<name>/import", (WRITES, keys_.bring)),
    _path("keys/<name>/import_version", (WRITES, keys_.bring_version)),
    _path("wrapping_key", (_READ, keys_.wrapping_key)),
    _path("export/<part>/<name>", (_READ, keys_.export)),
    _path("export/<part>/<name>/<version>", (_READ, keys_.export)),
    _path("backup/<name>", (_READ, keys_.back_up)),
    _path("restore", (WRITES, keys_.restore)),
    _path("restore/<name>", (WRITES, keys_.restore)),
    _path("encrypt/<name>", (WRITES, data.encrypt)),
    _path("decrypt/<name>", (WRITES, data.decrypt)),
    _path("rewrap/<name>", (WRITES, data.rewrap)),
    _path("datakey/<form>/<name>", (WRITES, data.data_key)),
    _path("sign/<name>", (WRITES, data.sign)),
    _path("sign/<name>/<algorithm>", (WRITES, data.sign)),
    _path("verify/<name>", (WRITES, data.verify)),
    _path("verify/<name>/<algorithm>", (WRITES, data.verify)),
    _path("hmac/<name>", (WRITES, data.hmac)),
    _path("hmac/<name>/<algorithm>", (WRITES, data.hmac)),
    _path("hash", (WRITES, data.hash_)),
    _path("hash/<algorithm>", (WRITES, data.hash_)),
    _path("random", (WRITES, data.random)),
    _path("random/<bytes>", (WRITES, data.random)),
    _path("random/<source>/<bytes>", (WRITES, data.random)),
)


class Transit(EngineDefaults):
    """Encryption as a service."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._directories: WeakKeyDictionary[Registry, Directory] = WeakKeyDictionary()

    def handle(self, call: VaultCall, mount: Mount, rest: str) -> Answer:
        """Answer a request beneath the mount.

        :raises UnknownThing: it is no path of transit.
        :raises InvalidRequest: what cannot be done there.
        """
        path, name, others = _meaning(rest)
        for operations, handler in path.handlers.items():
            if call.operation in operations:
                found = TransitRequest(
                    call, mount, self.keys(call.service, mount), checked(name) if name else "", others
                )
                return handler(found)
        raise invalid("unsupported operation")

    def exists(self, service: Service, mount: Mount, rest: str) -> bool | None:
        """A key that is made is created; so is one that is encrypted with and not there yet."""
        path, name, _ = _meaning(rest)
        if path.shape not in (("keys", "<name>"), ("encrypt", "<name>")):
            return None
        return self.keys(service, mount).exists(name)

    def keys(self, service: Service, mount: Mount) -> Keys:
        """The keys of a mount."""
        registry = service.registry(mount.workspace)
        with self._lock:
            directory = self._directories.get(registry)
            if directory is None:
                directory = self._directories[registry] = Directory(registry)
        return Keys(registry, directory, service.now)


def _meaning(rest: str) -> tuple[Path, str, tuple[str, ...]]:
    """What a path means, the key that it names, and what else stood in it."""
    segments = tuple(rest.split("/"))
    for path in PATHS:
        if len(path.shape) != len(segments):
            continue
        pairs = list(zip(path.shape, segments, strict=True))
        if all(segment if shape[0] == "<" else shape == segment for shape, segment in pairs):
            taken = {shape: segment for shape, segment in pairs if shape[0] == "<"}
            name = taken.pop("<name>", "")
            return path, name, tuple(taken.values())
    raise absent("no handler for route")
