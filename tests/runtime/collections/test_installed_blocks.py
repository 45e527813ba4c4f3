"""Every block type that is installed keeps to the contract that is shipped for all of them."""

from __future__ import annotations

import pytest
from strongroom.testing import BlockContract
from strongroom_blocks import catalog

OURS = sorted(card.slug for card in catalog.types() if card.package == "strongroom")


@pytest.fixture(params=OURS)
def block_type(request: pytest.FixtureRequest) -> type:
    return catalog.find(request.param).load()


class TestInstalledBlock(BlockContract):
    @pytest.fixture(autouse=True)
    def _of_this_type(self, block_type: type, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(type(self), "block_type", block_type, raising=False)
