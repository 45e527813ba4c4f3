"""What any registry promises, of those that this process opens itself."""

from __future__ import annotations

import pytest
from strongroom_registry import Registry, open_registry
from strongroom_registry.testing_registry import RegistryContract
from strongroom_registry.workspaces import new_workspace


class TestRegistry(RegistryContract):
    def is_us(self, actor: str) -> bool:
        return actor == "alice"

    @pytest.fixture
    def registry(self, registry: Registry) -> Registry:
        return registry


def test_workspaces_of_one_store_know_nothing_of_each_other(url: str) -> None:
    open_registry(url, workspace="blue").close()
    new_workspace("green", url)
    with open_registry(url, workspace="blue") as blue, open_registry(url, workspace="green") as green:
        blue.put("lake", type="lake", schema="s", payload=b"blue water")
        assert not green.exists("lake")
        assert green.list() == []
        green.put("lake", type="lake", schema="s", payload=b"green water")
        assert (blue.get("lake").payload, green.get("lake").payload) == (b"blue water", b"green water")
        assert blue.store_id == green.store_id
        assert (blue.workspace, green.workspace) == ("blue", "green")


def test_a_sealer_opens_what_it_sealed_after_the_registry_is_opened_again(url: str) -> None:
    with open_registry(url) as registry:
        sealed = registry.sealer("results").seal(b"result", b"key")
    with open_registry(url) as registry:
        assert registry.sealer("results").open(sealed, b"key") == b"result"
