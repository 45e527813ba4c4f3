"""The page of the settings says what the settings are."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).parents[2] / "docs" / "reference" / "settings.py"


@pytest.fixture
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("settings_page", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_current(script: ModuleType) -> None:
    assert script.PAGE.read_text() == script.page(), "run: python docs/reference/settings.py"


def test_the_page_names_every_setting_of_the_registry(script: ModuleType) -> None:
    from strongroom_registry.settings import RegistrySettings

    named = set(re.findall(r"STRONGROOM_[A-Z_]+", script.page()))
    assert {f"STRONGROOM_{name.upper()}" for name in RegistrySettings.model_fields} <= named
