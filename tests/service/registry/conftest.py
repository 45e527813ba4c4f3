"""A server in a process of its own, with a workspace for each test."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import pytest
from servers.service import Served, serve
from strongroom_registry import Registry, new_workspace, open_registry

_numbers = count(1)


@pytest.fixture(scope="module", params=["sqlite"])
def shared_server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One server for all tests of a file."""
    folder = tmp_path_factory.mktemp("server")
    environment = {"STRONGROOM_HOME": str(folder / "home"), "XDG_CONFIG_HOME": str(folder / "config")}
    if request.param == "postgres":
        environment["STRONGROOM_REGISTRY"] = request.getfixturevalue("lasting_postgres").url
        environment["PGSSLMODE"] = "disable"
    server = serve(environment)
    yield server
    server.stop()


@pytest.fixture
def workspace(shared_server: Served, monkeypatch: pytest.MonkeyPatch) -> str:
    """A new workspace, and the settings with which it is the one that is meant."""
    monkeypatch.setenv("STRONGROOM_REGISTRY", shared_server.url)
    monkeypatch.setenv("STRONGROOM_TOKEN", shared_server.token)
    name = f"w{next(_numbers)}"
    new_workspace(name)
    monkeypatch.setenv("STRONGROOM_WORKSPACE", name)
    return name


@pytest.fixture
def registry(workspace: str) -> Iterator[Registry]:
    """The registry of the server, as a client has it."""
    with open_registry() as opened:
        yield opened
