"""The house as `docs/explanation/house.md` describes it: source roots, floors, doors."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCE_ROOTS = ["registry", "blocks", "runtime", "collections", "service", "demo"]
FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "common", "misc"}
pytestmark = pytest.mark.skipif(
    not (ROOT / "registry").is_dir(), reason="runs on the sources, which are out of the way here"
)


def modules() -> Iterator[Path]:
    for root in SOURCE_ROOTS:
        yield from (ROOT / root).rglob("*.py")


@pytest.mark.parametrize("root", SOURCE_ROOTS)
def test_a_source_root_is_a_plain_folder(root: str) -> None:
    assert not (ROOT / root / "__init__.py").exists(), "it would shadow a module of the standard library"


def test_every_package_is_typed_and_stands_in_its_root() -> None:
    packages = [p.parent for root in SOURCE_ROOTS for p in (ROOT / root).glob("*/__init__.py")]
    assert packages
    for package in packages:
        assert package.name.startswith("strongroom"), package
        assert (package / "py.typed").exists(), f"{package.name} has no py.typed"


def test_no_module_is_named_for_being_useful() -> None:
    assert not [str(path.relative_to(ROOT)) for path in modules() if path.stem in FORBIDDEN_NAMES]


def test_a_file_can_be_read_in_one_sitting() -> None:
    long = {str(p.relative_to(ROOT)): n for p in modules() if (n := len(p.read_text().splitlines())) > 700}
    assert not long


def test_no_function_needs_scrolling() -> None:
    long = [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name} ({node.end_lineno - node.lineno + 1} lines)"
        for path in modules()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and (node.end_lineno or 0) - node.lineno >= 80
    ]
    assert not long


def test_packages_re_export_and_nothing_else() -> None:
    for root in SOURCE_ROOTS:
        for path in (ROOT / root).rglob("__init__.py"):
            tree = ast.parse(path.read_text())
            functions = [
                n.name for n in tree.body if isinstance(n, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef)
            ]
            assert set(functions) <= {"__getattr__", "__dir__"}, f"{path.relative_to(ROOT)} defines {functions}"


def test_the_arrows_point_down() -> None:
    result = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command as c; c()"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr


def test_the_rooms_that_the_house_page_names_are_there() -> None:
    page = (ROOT / "docs" / "explanation" / "house.md").read_text()
    rooms = page[page.index("## The rooms on each floor") : page.index("## What each floor does not know")]
    places = {
        "1": "registry/strongroom_registry",
        "2": "blocks/strongroom_blocks",
        "3": "runtime/strongroom",
        "5": "service/strongroom_service",
    }
    floor, named = "", 0
    for row in rooms.splitlines():
        if cell := re.match(r"\| ([1-5]?) ?\|", row):
            floor = cell[1] or floor
            for name in re.findall(r"`([a-z_/.]+)`", row):
                named += 1
                module = ROOT / places[floor] / name.rstrip("/")
                assert module.is_dir() or module.with_suffix(".py").is_file(), f"floor {floor}: {name}"
    assert named > 50


def test_files_that_are_not_committed() -> None:
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False).stdout.split()
    assert "uv.lock" not in tracked
    assert not [name for name in tracked if name.endswith((".db", ".key", ".pyc", ".duckdb"))]
