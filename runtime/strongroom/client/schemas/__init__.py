"""``prefect.client.schemas`` under its name: the types that hooks are given."""

from strongroom.journal.records import FlowRun as FlowRun
from strongroom.journal.records import TaskRun as TaskRun
from strongroom.states import State as State
from strongroom.states import StateType as StateType
