"""The page of the states says what the rules do."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).parents[2] / "docs" / "reference" / "states.py"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("states_page", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)  # its dataclasses look for it there
    spec.loader.exec_module(module)
    return module


def test_the_page_is_current(script: ModuleType) -> None:
    assert script.PAGE.read_text() == script.page(), "run: python docs/reference/states.py"


def test_every_effect_of_the_rules_is_followed(script: ModuleType) -> None:
    assert set(script.effects()) == set(script.OUTCOMES)


def test_every_effect_and_the_known_states_are_on_the_page(script: ModuleType) -> None:
    page = script.PAGE.read_text()
    assert all(f"| `{effect.__name__}` |" in page for effect in script.effects())
    states = "Running Retrying AwaitingRetry Completed Cached Failed TimedOut Crashed Cancelled NotReady Suspended"
    assert all(f"`{state}` (" in page for state in states.split())
