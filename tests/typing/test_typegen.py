"""mypy and pyright know which blocks there are from the module that ``strongroom typegen`` writes."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from absent import absent
from mypy import api
from strongroom.typegen import Known, module_text

CRM = ("crm_types", "CrmApi", 0)
SECRET = ("strongroom", "Secret", 1)
BLOCKS = [
    Known("prod-crm", "crm-api", 3, ("stable",), CRM),
    Known("staging.crm_2", "crm-api", 1, (), CRM),
    Known("api-token", "secret", 1, (), SECRET),
    Known("of-nobody", "gone", 1, (), None),
]
TYPES = """
from pydantic import SecretStr
from strongroom import Block

class CrmApi(Block, slug="crm-api"):
    token: SecretStr
"""
GOOD = """
from typing import Any, assert_type
from crm_types import CrmApi
from my_blocks import BlockName, aload, load
from strongroom import Block, Secret

assert_type(load("prod-crm"), CrmApi)
assert_type(load("prod-crm@3"), CrmApi)
assert_type(load("prod-crm@stable"), CrmApi)
assert_type(load("crm-api/prod-crm"), CrmApi)
assert_type(load("staging.crm_2@previous"), CrmApi)
assert_type(load("prod-crm", at=12345), CrmApi)
assert_type(load("prod-crm", at="a-label-of-later"), CrmApi)
assert_type(load("api-token"), Secret[Any])
assert_type(load("of-nobody"), Block)
load("prod-crm").token.get_secret_value()

async def later() -> None:
    assert_type(await aload("api-token@1"), Secret[Any])

def any_of_them(name: BlockName) -> Block:
    return load(name)
"""
BAD = """
from my_blocks import BlockName, aload, load
from strongroom import Secret

load("prod-cmr")
load("prod-crm@stabel")
load("prod-crm@99999")
load("secret/prod-crm")
load("prod-crm").tokn
name: BlockName = "prod-cmr"
wrong: Secret[str] = load("prod-crm")

async def later(text: str) -> None:
    load(text)
    await aload("prod-cmr")
"""
MISTAKES = {5, 6, 7, 8, 9, 10, 11, 14, 15}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name, text in (("crm_types", TYPES), ("my_blocks", module_text(BLOCKS, "")), ("good", GOOD), ("bad", BAD)):
        (tmp_path / f"{name}.py").write_text(text)
    for count in (0, 1):
        (tmp_path / f"blocks_{count}.py").write_text(module_text(BLOCKS[:count], ""))
    return tmp_path


def wrong_lines(shown: str) -> set[int]:
    errors = re.findall(r"(\w+)\.py:(\d+):[\d:]* (?:- )?error", shown)
    assert {file for file, _ in errors} == {"bad"}, shown
    return {int(line) for _, line in errors}


def test_mypy_finds_every_mistake_and_nothing_else(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MYPYPATH", str(project))
    files = sorted(map(str, project.glob("*.py")))
    shown, problems, status = api.run(["--strict", "--hide-error-context", "--no-error-summary", *files])
    assert status == 1, shown + problems
    assert wrong_lines(shown) == MISTAKES, shown


@pytest.mark.slow
def test_pyright_finds_every_mistake_and_nothing_else(project: Path) -> None:
    roots = [str(path) for path in map(Path, sys.path) if path.name in ("registry", "blocks", "runtime", "collections")]
    settings = {"include": ["*.py"], "extraPaths": roots, "typeCheckingMode": "strict"}
    settings |= {"reportMissingTypeStubs": False, "reportUnusedExpression": False}
    (project / "pyrightconfig.json").write_text(json.dumps(settings))
    pyright = [sys.executable, "-m", "pyright"]
    if subprocess.run([*pyright, "--version"], capture_output=True, check=False).returncode:
        absent("pyright cannot start here: it needs Node.js, which it looks for or downloads")
    command = [*pyright, "--project", str(project), "--pythonpath", sys.executable]
    shown = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    assert wrong_lines(shown) == MISTAKES, shown
