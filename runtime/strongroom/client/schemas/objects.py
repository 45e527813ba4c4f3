"""``prefect.client.schemas.objects`` under its name: the types that hooks are given."""

from strongroom.journal.records import FlowRun as FlowRun
from strongroom.journal.records import TaskRun as TaskRun
from strongroom.state_details import StateDetails as StateDetails
from strongroom.states import TERMINAL_STATES as TERMINAL_STATES
from strongroom.states import State as State
from strongroom.states import StateType as StateType
