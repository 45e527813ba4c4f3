"""Flows that run by themselves: deployments, their schedules, their runs, and work pools."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from strongroom.deployments.flow_runs import arun_deployment as arun_deployment
    from strongroom.deployments.flow_runs import run_deployment as run_deployment
    from strongroom.deployments.runner import RunnerDeployment as RunnerDeployment
    from strongroom.deployments.runner import adeploy as adeploy
    from strongroom.deployments.runner import deploy as deploy

_HOMES = {
    "RunnerDeployment": "runner",
    "adeploy": "runner",
    "arun_deployment": "flow_runs",
    "deploy": "runner",
    "run_deployment": "flow_runs",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
