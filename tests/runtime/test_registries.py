"""Programs that must not make a registry by looking for one."""

from __future__ import annotations

from pathlib import Path

import pytest
from strongroom import Secret
from strongroom.registries import require_registry
from strongroom_registry import open_registry, set_current, using
from strongroom_registry.errors import StoreUnavailable


def test_where_there_is_none_nothing_is_created(strongroom_home: Path) -> None:
    with pytest.raises(StoreUnavailable):
        require_registry()
    assert not strongroom_home.exists()


def test_the_one_that_is_there_is_used_from_then_on(strongroom_home: Path) -> None:
    with open_registry() as registry, using(registry):
        Secret(value=1).save("one")
    require_registry()
    assert Secret.load("one").get() == 1
    set_current(None)


def test_one_that_is_meant_already_stays(strongroom_home: Path) -> None:
    with open_registry("memory:") as registry, using(registry):
        require_registry()
    assert not strongroom_home.exists()
