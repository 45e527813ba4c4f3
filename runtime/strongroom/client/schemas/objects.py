"""``prefect.client.schemas.objects`` under its name: the types that hooks are given."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any
from uuid import UUID

from strongroom.deployments.limits import ConcurrencyLimitConfig as ConcurrencyLimitConfig
from strongroom.deployments.limits import ConcurrencyLimitStrategy as ConcurrencyLimitStrategy
from strongroom.journal.records import FlowRun as FlowRun
from strongroom.journal.records import LogEntry as Log  # noqa: F401
from strongroom.journal.records import TaskRun as TaskRun
from strongroom.journal.records import flow_id
from strongroom.state_details import StateDetails as StateDetails
from strongroom.states import TERMINAL_STATES as TERMINAL_STATES
from strongroom.states import State as State
from strongroom.states import StateType as StateType


@dataclass(frozen=True)
class Flow:
    """A flow, by its name: what its runs have in common."""

    name: str

    @property
    def id(self) -> UUID:
        """The id that stands for the name, the same everywhere."""
        return flow_id(self.name)


_HOMES = {
    "Artifact": "strongroom.artifacts.artifact",
    "ConcurrencyLimit": "strongroom.concurrency.limits",
    "Deployment": "strongroom.deployments.records",
    "Variable": "strongroom.variables",
    "WorkPool": "strongroom.deployments.records",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
