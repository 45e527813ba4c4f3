"""The page about Vault's API says what the routes are."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).parents[2] / "docs" / "reference" / "vault_api.py"


@pytest.fixture
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("vault_api_page", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_current(script: ModuleType) -> None:
    assert script.PAGE.read_text() == script.page(), "run: python docs/reference/vault_api.py"


def test_a_route_that_nothing_is_said_of_is_noticed(script: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(script.TRANSIT, "keys/<name>/trim")
    with pytest.raises(KeyError, match="trim"):
        script.page()
    monkeypatch.setitem(script.TRANSIT, "keys/<name>/trim", "drop")
    monkeypatch.setitem(script.TOKEN, "gone", "what was there")
    with pytest.raises(KeyError, match="gone"):
        script.page()
