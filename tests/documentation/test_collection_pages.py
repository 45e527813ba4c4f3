"""The pages of the collections say what the collections hold."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).parents[2] / "docs" / "reference" / "collection_pages.py"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("collection_pages", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_pages_are_current(script: ModuleType) -> None:
    wanted = script.pages()
    assert {file.name for file in script.FOLDER.glob("*.md")} == {file.name for file in wanted}, script.RERUN
    stale = [file.name for file, text in wanted.items() if file.read_text() != text]
    assert not stale, script.RERUN


def test_every_installed_type_and_task_stands_on_a_page(script: ModuleType) -> None:
    text = "".join(script.pages().values())
    for found in script.collections():
        if found.distribution == "strongroom":
            assert all(f"\n### {slug}\n" in text for slug in found.block_types)
            assert all(f"\n#### {task.name}\n" in text for task in script.tasks_of(found))


@pytest.mark.parametrize(
    ("docstring", "shown"),
    [
        ("What :class:`~strongroom.Block` is, with ``save``.", "What `Block` is, with `save`."),
        ("Like this::\n\n    code\n\nMore.", "Like this:\n\n    code\n\nMore."),
        ("A `path <https://jmespath.org>`_ here.", "A [path](https://jmespath.org) here."),
        ("Say ``a `b` c`` so.", "Say ``a `b` c`` so."),
    ],
)
def test_docstrings_become_markdown(script: ModuleType, docstring: str, shown: str) -> None:
    assert script._markdown(f"\n{docstring}".replace("\n", "\n    ")) == shown
