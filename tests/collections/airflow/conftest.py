"""Airflow's base class as a stand-in, with the signatures that Airflow 2.11 and 3.3 have; a registry in memory."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest
from strongroom_registry import Registry, open_registry, using


class BaseSecretsBackend:
    """As ``airflow.secrets.base_secrets`` has it, less what makes a connection of the value."""

    def get_conn_value(self, conn_id: str, team_name: str | None = None) -> str | None:
        raise NotImplementedError

    def get_variable(self, key: str, team_name: str | None = None) -> str | None:
        raise NotImplementedError

    def get_config(self, key: str) -> str | None:
        return None


@pytest.fixture
def registry() -> Iterator[Registry]:
    with open_registry("memory:") as registry, using(registry):
        yield registry


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> type:
    """The backend's module is loaded anew on top of it, whether Airflow is installed or not."""
    module: Any = ModuleType("airflow.secrets.base_secrets")
    module.BaseSecretsBackend = BaseSecretsBackend
    for name in ("airflow", "airflow.secrets"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    monkeypatch.setitem(sys.modules, "airflow.secrets.base_secrets", module)
    monkeypatch.delitem(sys.modules, "strongroom_airflow.backend", raising=False)
    import strongroom_airflow

    monkeypatch.delitem(vars(strongroom_airflow), "StrongroomBackend", raising=False)
    backend: type = strongroom_airflow.StrongroomBackend
    yield backend  # type: ignore[misc]
    vars(strongroom_airflow).pop("StrongroomBackend", None)
    sys.modules.pop("strongroom_airflow.backend", None)
