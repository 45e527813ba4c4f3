"""What any registry promises, of one that a server keeps."""

from __future__ import annotations

import pytest
from strongroom_registry import Registry
from strongroom_registry.remote.registry import RemoteRegistry
from strongroom_registry.testing_registry import RegistryContract


@pytest.mark.parametrize("shared_server", ["sqlite", "postgres"], indirect=True, scope="module")
class TestRemoteRegistry(RegistryContract):
    def is_us(self, actor: str) -> bool:
        return actor.startswith("root#")

    @pytest.fixture
    def registry(self, registry: Registry) -> Registry:
        assert isinstance(registry, RemoteRegistry)
        return registry
