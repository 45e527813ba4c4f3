"""Types are found through what packages declare, and imported one by one when a document asks."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from strongroom_blocks import Block, catalog
from strongroom_blocks.errors import MissingExtra, UnknownBlockType
from strongroom_blocks.extras import require_extra
from strongroom_registry import Registry

LISTING = """
import sys
from strongroom_blocks import catalog
cards = {card.slug: card for card in catalog.types()}
assert {"secret", "json", "local-folder", "duckdb"} <= set(cards), cards
assert cards["local-folder"].package == "strongroom" and not cards["local-folder"].loaded
assert cards["local-folder"].title == "Local Folder"
homes = ("strongroom_blocks.types", "strongroom_aws", "strongroom_dbt")
print([name for name in sys.modules if name.startswith(homes)])
cls = cards["local-folder"].load()
assert cls.__name__ == "LocalFolder"
card = catalog.find("local-folder")
assert card.loaded and card.description.startswith("A folder of this machine")
"""


def test_types_are_listed_without_importing_them() -> None:
    shown = subprocess.run([sys.executable, "-c", LISTING], capture_output=True, text=True, check=True)
    assert shown.stdout == "[]\n"


LOADING = """
import sys
from strongroom_blocks import Block
from strongroom_registry import open_registry, using
with open_registry("memory:") as registry, using(registry):
    registry.put("data", type="local-folder", schema="1:x", payload=b'{"basepath":"/srv"}')
    loaded = type(Block.load("data")).__name__
    print(loaded, [name for name in sys.modules if name.startswith(("strongroom_aws", "duckdb"))])
"""


def test_a_document_loads_the_class_that_a_package_declares() -> None:
    shown = subprocess.run([sys.executable, "-c", LOADING], capture_output=True, text=True, check=True)
    assert shown.stdout == "LocalFolder []\n"


def test_a_users_own_type_loads_when_settings_name_its_module(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = "from strongroom_blocks import Block\nclass Mine(Block, slug='test-settings-mine'):\n    n: int\n"
    (tmp_path / "my_own_blocks.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    registry.put("it", type="test-settings-mine", schema="1:x", payload=b'{"n":3}')
    with pytest.raises(UnknownBlockType):
        Block.load("it")
    monkeypatch.setenv("STRONGROOM_BLOCK_MODULES", "json, my_own_blocks")
    assert Block.load("it").model_dump() == {"n": 3}


def test_a_module_in_settings_that_is_not_there_is_named(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    registry.put("it", type="test-settings-none", schema="1:x", payload=b"{}")
    monkeypatch.setenv("STRONGROOM_BLOCK_MODULES", "no_such_module")
    with pytest.raises(UnknownBlockType, match='names the module "no_such_module"'):
        Block.load("it")


def test_an_unknown_type_names_what_looks_alike() -> None:
    with pytest.raises(UnknownBlockType, match="Did you mean local-folder"):
        catalog.find("local-foldr")


def test_a_type_of_the_users_own_has_a_card() -> None:
    class Carded(Block, slug="test-carded", icon="card", title="A card"):
        """What it is for."""

    card = next(card for card in catalog.types() if card.slug == "test-carded")
    assert (card.title, card.icon, card.description, card.package) == ("A card", "card", "What it is for.", None)
    assert card.load() is Carded


def test_a_missing_extra_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(MissingExtra, match=r'Run: pip install "strongroom\[aws\]"') as refusal:
        require_extra("no_such_sdk.part", extra="aws")
    assert isinstance(refusal.value, ImportError)
    (tmp_path / "broken_sdk.py").write_text("import no_such_dependency\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="no_such_dependency"):
        require_extra("broken_sdk", extra="aws")
    assert require_extra("json", extra="aws").loads("1") == 1
