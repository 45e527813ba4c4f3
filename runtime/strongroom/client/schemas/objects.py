"""``prefect.client.schemas.objects`` under its name: the types that hooks are given."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from strongroom.journal.records import FlowRun as FlowRun
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
