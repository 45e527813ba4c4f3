"""Strongroom for Airflow: a secrets backend that reads connections, variables and configuration from blocks.

Airflow itself loads ``strongroom_airflow.StrongroomBackend``, and importing that needs Airflow; every public name is
loaded when it is first asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from strongroom_airflow.backend import StrongroomBackend as StrongroomBackend
    from strongroom_airflow.connections import AirflowConnection as AirflowConnection
    from strongroom_airflow.connections import connection_json as connection_json
    from strongroom_airflow.errors import AirflowMissing as AirflowMissing
    from strongroom_airflow.errors import NotForAirflow as NotForAirflow

_HOME_OF = {
    "AirflowConnection": "connections",
    "AirflowMissing": "errors",
    "NotForAirflow": "errors",
    "StrongroomBackend": "backend",
    "connection_json": "connections",
}

__all__ = [*_HOME_OF]


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'strongroom_airflow' has no attribute {name!r}")
    value = getattr(import_module(f"strongroom_airflow.{_HOME_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
