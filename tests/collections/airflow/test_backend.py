"""What the backend hands to Airflow, to whom, and what it says where it cannot."""

from __future__ import annotations

import inspect
import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from strongroom import JSON, Connection, Secret
from strongroom_airflow import NotForAirflow
from strongroom_registry import Registry, set_current
from strongroom_registry.errors import HeadTampered, StoreUnavailable

Backend = Any


@pytest.fixture
def backend(stand_in: type, registry: Registry) -> Backend:
    return stand_in()


@pytest.fixture
def password(canary: Any, registry: Registry) -> str:
    secret: str = canary("password")
    Connection(conn_type="postgres", host="db", password=secret).save("my_postgres")
    return secret


def test_a_connection_is_json(backend: Backend, password: str) -> None:
    value = backend.get_conn_value("my_postgres")
    assert value.startswith("{")
    assert json.loads(value) == {"conn_type": "postgres", "host": "db", "password": password}


def test_every_way_that_airflow_asks(backend: Backend, password: str) -> None:
    """2.x gives the id alone, by name or place; 3.2 and later a team beside it, by name."""
    expected = backend.get_conn_value("my_postgres")
    assert expected is not None
    assert backend.get_conn_value(conn_id="my_postgres") == expected
    assert backend.get_conn_value(team_name=None, conn_id="my_postgres") == expected
    assert backend.get_conn_value(team_name="analytics", conn_id="my_postgres") == expected


def test_its_methods_have_the_parameters_of_the_base_class(backend: Backend) -> None:
    base = type(backend).__mro__[1]
    for name in ("get_conn_value", "get_variable", "get_config"):
        assert inspect.signature(getattr(base, name)) == inspect.signature(getattr(type(backend), name))


@pytest.mark.parametrize("asked", ["My_Postgres", "MY_POSTGRES", "my_postgres"])
def test_an_id_is_looked_up_by_the_name_that_an_import_gives_it(backend: Backend, password: str, asked: str) -> None:
    assert backend.get_conn_value(asked) is not None


@pytest.mark.parametrize(
    "asked", ["missing", "", "***", "../my_postgres", "my_postgres@1", "secret/my_postgres", "x" * 500]
)
def test_what_is_not_there_is_none_and_goes_on_to_the_next_backend(backend: Backend, password: str, asked: str) -> None:
    assert backend.get_conn_value(asked) is None
    assert backend.get_variable(asked) is None
    assert backend.get_config(asked) is None


def test_a_deleted_block_is_none(backend: Backend, password: str) -> None:
    Connection.delete("my_postgres")
    assert backend.get_conn_value("my_postgres") is None


def test_variables_and_options_are_texts(backend: Backend, canary: Any) -> None:
    Secret(value=(text := canary("variable"))).save("api-token")
    Secret(value={"a": (inner := canary("inner"))}).save("api-parts")
    JSON(value=[1, "é"]).save("limits")
    assert backend.get_variable("api-token") == text
    assert backend.get_variable(key="API-TOKEN", team_name="analytics") == text
    assert json.loads(backend.get_variable("api-parts")) == {"a": inner}
    assert json.loads(backend.get_variable("limits")) == [1, "é"]
    assert backend.get_config("api-token") == text


def test_prefixes_keep_kinds_apart_and_none_switches_one_off(stand_in: Any, registry: Registry, password: str) -> None:
    Connection(conn_type="http", host="crm").save("airflow-conn-crm")
    backend = stand_in(connections_prefix="airflow-conn-", variables_prefix=None, config_prefix="option-")
    assert json.loads(backend.get_conn_value("crm"))["host"] == "crm"
    assert backend.get_conn_value("my_postgres") is None
    Secret(value="text").save("v")
    assert backend.get_variable("v") is None
    assert backend.get_config("v") is None


def test_a_team_has_its_own_first_and_nobody_else_has_it(backend: Backend, canary: Any) -> None:
    for name in ("dwh", "analytics--dwh", "analytics--only"):
        Connection(conn_type="postgres", host=name, password=canary()).save(name)

    def host(conn_id: str, team: str | None) -> str | None:
        value = backend.get_conn_value(conn_id, team_name=team)
        return json.loads(value)["host"] if value else None

    assert host("dwh", "analytics") == "analytics--dwh"
    assert host("dwh", "sales") == "dwh"
    assert host("dwh", None) == "dwh"
    assert host("only", "analytics") == "analytics--only"
    for team in (None, "sales", "Analytics", "ANALYTICS", "analytics-", "a--b", "analytics--dwh", "", "*"):
        assert host("only", team) is None
        assert host("analytics--only", team) is None
        assert host("analytics/-only", team) is None
    assert host("analytics--only", "analytics") is None


def test_a_block_that_is_no_connection_is_told_without_its_value(backend: Backend, canary: Any) -> None:
    Secret(value=(text := canary())).save("token")
    with pytest.raises(NotForAirflow, match="block token is no connection") as caught:
        backend.get_conn_value("token")
    assert text not in str(caught.value)
    Connection(conn_type="http", password=canary()).save("crm")
    with pytest.raises(NotForAirflow, match="type connection and holds no text"):
        backend.get_variable("crm")


def test_every_load_is_in_the_audit_and_no_miss_is(backend: Backend, registry: Registry, password: str) -> None:
    backend.get_conn_value("missing")
    backend.get_conn_value("my_postgres")
    told = [(entry.action, entry.name, entry.outcome) for entry in registry.audit()]
    assert told[:-1] == [("load", "my_postgres", "done"), ("put", "my_postgres", "done")]


def test_it_makes_no_registry(stand_in: Any, strongroom_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    set_current(None)
    with pytest.raises(StoreUnavailable):
        stand_in().get_conn_value("anything")
    assert not strongroom_home.exists()


def test_what_was_tampered_with_is_denied_for_good_where_airflow_can(
    backend: Backend, registry: Registry, password: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def tampered(*_: Any, **__: Any) -> None:
        raise HeadTampered("my_postgres was changed.", "Restore it.")

    monkeypatch.setattr(registry, "get", tampered)
    with pytest.raises(HeadTampered):
        backend.get_conn_value("my_postgres")

    class AirflowSecretsBackendAccessDenied(Exception):
        pass

    exceptions: Any = ModuleType("airflow.sdk.exceptions")
    exceptions.AirflowSecretsBackendAccessDenied = AirflowSecretsBackendAccessDenied
    monkeypatch.setitem(sys.modules, "airflow.sdk", ModuleType("airflow.sdk"))
    monkeypatch.setitem(sys.modules, "airflow.sdk.exceptions", exceptions)
    with pytest.raises(AirflowSecretsBackendAccessDenied, match="was changed"):
        backend.get_conn_value("my_postgres")


@pytest.mark.skipif(find_spec("airflow") is not None, reason="Airflow is installed here")
def test_without_airflow_the_error_says_so() -> None:
    lines = ["import strongroom_airflow", "try:", " strongroom_airflow.StrongroomBackend", "except ImportError as e:"]
    code = "\n".join([*lines, " print(e)"])
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "Airflow is not installed here. Install Strongroom where Airflow runs."


@pytest.mark.slow
def test_airflow_itself_loads_it(tmp_path: Path) -> None:
    """Where Airflow is: in this environment, or in that of the interpreter that ``AIRFLOW_PYTHON`` names.

    It is no dependency of the project, not even for its tests: it would decide the versions of half of the others.
    """
    python = os.environ.get("AIRFLOW_PYTHON") or (sys.executable if find_spec("airflow") else None)
    if python is None:
        pytest.skip("Airflow is not installed here; AIRFLOW_PYTHON names an interpreter that has it")
    script = Path(__file__).with_name("with_airflow.py")
    done = subprocess.run([python, str(script)], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=150)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("all is well\n")
