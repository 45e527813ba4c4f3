"""KV mounts of either version."""

from __future__ import annotations

from strongroom_service.http.call import Answer
from strongroom_service.service import Service
from strongroom_service.vault_api.call import VaultCall
from strongroom_service.vault_api.kv.version1 import KvVersion1
from strongroom_service.vault_api.kv.version2 import KvVersion2
from strongroom_service.vault_api.mount import EngineDefaults, Mount, MountTable


class KvEngine(EngineDefaults):
    """Answers beneath KV mounts, by what version they are."""

    def __init__(self, mounts: MountTable) -> None:
        self._versions: dict[int, KvVersion1 | KvVersion2] = {
            1: KvVersion1(),
            2: KvVersion2(mounts),
        }

    def handle(self, call: VaultCall, mount: Mount, rest: str) -> Answer:
        return self._versions[mount.version].handle(call, mount, rest)

    def exists(self, service: Service, mount: Mount, rest: str) -> bool | None:
        return self._versions[mount.version].exists(service, mount, rest)
