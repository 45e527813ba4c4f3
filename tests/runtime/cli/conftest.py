"""The command line as a user meets it: in this process for its logic, in one of its own for what only that shows."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from pydantic import BaseModel, Field, HttpUrl, SecretStr
from strongroom import Block, SecretDict
from strongroom.cli import main

Run = Callable[..., Result]
Process = Callable[..., "subprocess.CompletedProcess[str]"]


class Login(BaseModel):
    user: str
    password: SecretStr


class CrmApi(Block, slug="crm-api", title="CRM API"):
    """Where the CRM answers, and how :class:`~pydantic.SecretStr` keeps its ``token``."""

    base_url: HttpUrl
    token: SecretStr
    page_size: int = 100
    tags: list[str] = Field(default_factory=list)
    headers: SecretDict = SecretDict({})
    login: Login | None = None


class Holder(Block, slug="crm-holder"):
    """A block that holds another one."""

    crm: CrmApi


@pytest.fixture(autouse=True)
def _no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FORCE_COLOR", "NO_COLOR", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(autouse=True)
def _modules_of_flows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Files that a test had loaded as flows are not there for the next one."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None)).startswith(str(tmp_path)):
            del sys.modules[name]


@pytest.fixture
def strongroom(request: pytest.FixtureRequest) -> Iterator[Run]:
    """``strongroom("block", "ls")``: the result; ``code`` is the exit code that is expected."""

    def run(*args: str, code: int = 0, input: str | None = None, reveals: bool = False) -> Result:
        result = CliRunner().invoke(main, list(args), input=input, prog_name="strongroom")
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == code, f"exit code {result.exit_code}\n{result.stdout}\n{result.stderr}"
        if not reveals:
            _search(request, result.stdout + result.stderr)
        return result

    yield run
    from strongroom_registry.current import set_current

    set_current(None)


@pytest.fixture
def process(request: pytest.FixtureRequest, tmp_path: Path) -> Process:
    """The same in a process of its own."""

    def run(*args: str, code: int = 0, reveals: bool = False, **options: Any) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, **options.pop("env", {})}
        done = subprocess.run(
            [sys.executable, "-m", "strongroom", *args],
            capture_output=True, text=True, env=environment, cwd=tmp_path, timeout=60, check=False, **options,
        )  # fmt: skip
        assert done.returncode == code, f"exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
        if not reveals:
            _search(request, done.stdout + done.stderr)
        return done

    return run


@pytest.fixture
def crm(strongroom: Run, canary: Callable[..., str]) -> str:
    """A saved block, ``prod-crm``; returns its token."""
    token = canary("crm-token")
    strongroom(
        "block", "new", "crm-api", "prod-crm", "--set", "base_url=https://crm.test", "--set", "token=-", input=token
    )
    return token


def _search(request: pytest.FixtureRequest, text: str) -> None:
    from canaries import _planted, find

    hits = [form for secret in request.node.stash.get(_planted, []) if (form := find(secret, text.encode()))]
    assert not hits, f"a planted secret shows: {hits}"
