"""The reference page says what the commands say."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).parents[3] / "docs" / "reference" / "command_line.py"
pytestmark = pytest.mark.skipif(not SCRIPT.exists(), reason="runs beside the documentation, which is not here")


@pytest.fixture
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("command_line", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_current(script):
    assert script.PAGE.read_text() == script.page(), "run: python docs/reference/command_line.py"


def keys(text: str) -> list[str]:
    """The keys that the page names outside of brackets, for the outer object or the objects of the list."""
    outer = re.sub(
        r"\([^)]*\)", "", text.split(": a list of")[0].split("tree`:")[0] + ("`" if "tree`:" in text else "")
    )
    return re.findall(r"`(\w+)`", outer)


@pytest.mark.parametrize(
    "command",
    [
        "block ls", "block show prod-crm", "block history prod-crm", "block diff prod-crm@1 prod-crm@1 --all",
        "block types", "block types crm-api", "collection ls", "collection new acme", "labels", "audit ls",
        "audit verify", "verify", "init",
        "workspace ls", "backup make some.backup", "anchor show",
    ],
)  # fmt: skip
def test_the_shapes_are_those_that_the_page_tells(strongroom, crm, script, command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    strongroom("block", "label", "prod-crm", "stable")
    shape = json.loads(strongroom(*command.split(), "--json").stdout)
    known = {**script.JSON_SHAPES, "block types crm-api": script.JSON_SHAPES["block types SLUG"]}
    text = next(known[name] for name in (command, " ".join(command.split()[:2])) if name in known)
    assert set(shape[0] if isinstance(shape, list) else shape) == set(keys(text))
